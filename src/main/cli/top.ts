/**
 * `smrctl top`: rates, drops and workers, drawn anew every second from two looks at `show status`. Runs in smrctl; 80 columns are
 * enough for it.
 */
import { ControlError } from '../errors.js';
import type { InterfaceStatus, Status, WorkerStatus } from '../status.js';

/** How `top` was asked for. */
export interface TopOptions {
  /** Seconds between two looks. */
  readonly period: number;
  /** Screens to draw; 0 = until it is interrupted. */
  readonly screens: number;
}

/** Interfaces and reasons that a screen has room for, beside all workers. */
const INTERFACES_MOST = 40;
const DROPS_MOST = 10;
const WIDTH = 80;

/** Reads `[-d SECONDS] [-n SCREENS]`. Throws ControlError. */
export function topOptions(args: readonly string[]): TopOptions {
  let [period, screens] = [1, 0];
  for (let at = 0; at < args.length; at += 2) {
    const value = Number(args[at + 1]);
    if (args[at] === '-d' && value >= 0.1 && value <= 3600) period = value;
    else if (args[at] === '-n' && Number.isInteger(value) && value > 0) screens = value;
    else
      throw new ControlError(
        'EINVAL',
        `${args.slice(at, at + 2).join(' ')}: top takes -d SECONDS (0.1 to 3600) and -n SCREENS`,
      );
  }
  return { period, screens };
}

/** One screen: `now`, and the rates since `before`. Lines of at most 80 characters. */
export function drawTop(before: Status, now: Status): string[] {
  const seconds = Math.max(0.001, (now.uptimeMs - before.uptimeMs) / 1000);
  const rate = (value: number, earlier = 0): number => Math.max(0, value - earlier) / seconds;
  const lines = [
    `${now.ready ? 'forwarding' : `NOT FORWARDING: ${now.why.join('; ')}`}   up ${Math.floor(now.uptimeMs / 1000)} s   ` +
      `epoch ${now.smr.epoch}, ${now.smr.deferredObjects} objects wait`,
    '',
    'worker  state       busy  frames/s  per burst  silent ms   slots  superslots',
    ...now.workers.map((w) => workerLine(w, before.workers[w.worker], rate)),
    '',
    'interface        type   in/s   out/s  in bit/s out bit/s drops/s  where',
  ];
  const was = new Map(before.interfaces.map((i) => [i.name, i]));
  const busiest = now.interfaces
    .map((i) => ({ i, old: was.get(i.name), moved: i.ipackets + i.opackets - sumOf(was.get(i.name)) }))
    .sort((a, b) => b.moved - a.moved);
  for (const { i, old } of busiest.slice(0, INTERFACES_MOST)) lines.push(interfaceLine(i, old, rate));
  if (busiest.length > INTERFACES_MOST) lines.push(`… and ${busiest.length - INTERFACES_MOST} quieter ones`);
  const dropped = new Map(before.drops.map((d) => [`${d.interface} ${d.reason}`, d.frames]));
  const drops = now.drops
    .map((d) => ({ ...d, rate: rate(d.frames, dropped.get(`${d.interface} ${d.reason}`)) }))
    .sort((a, b) => b.rate - a.rate || b.frames - a.frames);
  if (drops.length > 0) lines.push('', 'drops/s     in all  interface        reason');
  for (const d of drops.slice(0, DROPS_MOST))
    lines.push(`${short(d.rate).padStart(7)} ${short(d.frames).padStart(10)}  ${d.interface.padEnd(16)} ${d.reason}`);
  if (drops.length > DROPS_MOST) lines.push(`… and ${drops.length - DROPS_MOST} more (show drops)`);
  return lines.map((line) => line.slice(0, WIDTH).trimEnd());
}

type Rate = (value: number, earlier?: number) => number;

function workerLine(w: WorkerStatus, old: WorkerStatus | undefined, rate: Rate): string {
  const busy = Math.min(100, 100 * rate(w.busySeconds, old?.busySeconds ?? w.busySeconds));
  const [frames, bursts] = [rate(w.frames, old?.frames), rate(w.bursts, old?.bursts)];
  return [
    String(w.worker).padStart(6),
    (w.forwarding ? 'forwarding' : 'gone').padEnd(10),
    `${busy.toFixed(0)}%`.padStart(5),
    short(frames).padStart(8),
    (bursts > 0 ? (frames / bursts).toFixed(1) : '-').padStart(9),
    String(w.silentMs).padStart(9),
    short(w.freeFrames).padStart(6),
    short(w.freeSuperframes).padStart(10),
  ].join('  ');
}

function interfaceLine(i: InterfaceStatus, old: InterfaceStatus | undefined, rate: Rate): string {
  const where = i.veb !== '' ? i.veb : i.type === 'veb' ? '' : `rdomain ${i.rdomain}`;
  return [
    i.name.padEnd(15),
    i.type.padEnd(5),
    short(rate(i.ipackets, old?.ipackets)).padStart(6),
    short(rate(i.opackets, old?.opackets)).padStart(7),
    short(8 * rate(i.ibytes, old?.ibytes)).padStart(9),
    short(8 * rate(i.obytes, old?.obytes)).padStart(9),
    short(rate(i.drops, old?.drops)).padStart(7),
    ` ${i.running ? where : `${where} ${i.up ? 'not running' : 'down'}`.trim()}`,
  ].join(' ');
}

function sumOf(i: InterfaceStatus | undefined): number {
  return i === undefined ? 0 : i.ipackets + i.opackets;
}

/** 1234567 → `1.23M`: at most 5 characters. */
function short(value: number): string {
  if (value < 1000) return value < 10 && value % 1 !== 0 ? value.toFixed(1) : String(Math.round(value));
  const power = Math.min(5, Math.floor(Math.log10(value) / 3));
  return `${(value / 1000 ** power).toPrecision(3)}${['', 'k', 'M', 'G', 'T', 'P'][power]}`;
}
