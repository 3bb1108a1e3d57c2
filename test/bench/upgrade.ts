/**
 * How long nobody forwards when a daemon is killed and started again, and when one takes another's place: frames with numbers, one a
 * millisecond, cross a bridge meanwhile. What TAPs kept while nobody read them comes late, what others did not keep is lost; the time is the
 * longer of the two.
 */

import { LinkProcess } from '../load/link-process.js';
import { Daemon } from '../support/daemon.js';
import { Lan, type PortKind, portLines } from '../support/hosts.js';
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, round, span } from './bench.js';

const ROUNDS = 5;
const RATE = 1000;
const SECONDS = 4;
/** Frames that cross before it happens. */
const BEFORE_MS = 1000;

/** What becomes of the daemon: resolves to the one that forwards next. */
type Change = (lan: Lan, options: { config: string[]; socket: string; workers: number }) => Promise<Daemon>;

/** kill -9, and the next one at once. */
const restart: Change = async (lan, options) => {
  lan.daemon.signal('SIGKILL');
  await lan.daemon.exited();
  return Daemon.start(options);
};

const takeover: Change = (_, options) => Daemon.start({ ...options, args: ['--takeover'] });

/** Milliseconds without forwarding of one change, on ports of that kind. */
async function gap(kind: PortKind, change: Change): Promise<number> {
  const lan = await Lan.start('bench', { hosts: 2, workers: 1, kinds: [kind, kind] });
  let next: Daemon | undefined;
  const children: LinkProcess[] = [];
  try {
    const [from, to] = lan.hosts as [(typeof lan.hosts)[0], (typeof lan.hosts)[0]];
    const place = (host: typeof from) => ({ link: host.tap, netns: host.netns.name });
    const task = { run: 3, seed: 1, rate: RATE, seconds: SECONDS, count: 1e9, size: 60 as const, flows: 1, macs: 0 };
    const sink = new LinkProcess('sink', place(to), { link: to.tap, run: 3, flows: 1 });
    const generator = new LinkProcess('generator', place(from), { ...task, link: from.tap });
    children.push(sink, generator);
    const { mac } = await sink.message('ready');
    await generator.message('ready');
    generator.order({ kind: 'go', destination: mac });
    await new Promise((resolve) => setTimeout(resolve, BEFORE_MS));
    const config = ['ifconfig veb0 create up', ...lan.hosts.flatMap(portLines)];
    next = await change(lan, { config, socket: lan.daemon.socket, workers: 1 });
    const offered = await generator.message('offered');
    sink.order({ kind: 'end' });
    const received = await sink.message('received');
    return Math.max(received.latency.max / 1000, ((offered.frames - received.first) * 1000) / RATE);
  } finally {
    for (const child of children) child.kill();
    await next?.stop();
    await lan.stop();
  }
}

async function measure(kinds: readonly PortKind[], change: Change): Promise<Measured | string> {
  const skip = skipReason.tun();
  if (skip !== false) return String(skip);
  const found: Measured[] = [];
  for (const kind of kinds) {
    const gaps: number[] = [];
    for (let n = 0; n < ROUNDS; n++) gaps.push(await gap(kind, change));
    found.push({
      value: round(median(gaps)),
      unit: 'ms',
      note: `without forwarding, ${kind} ports, ${ROUNDS} times, ${span(gaps)}`,
    });
  }
  const [first, ...more] = found;
  return { ...(first as Measured), more };
}

/** TAPs go with the process that made them and are no measure here: their hosts have to set up new ones. */
export const restartGap: Bench = {
  name: 'restart',
  about: 'ms without forwarding when the daemon is killed with SIGKILL and started again',
  run: () => measure(['packet', 'xdp'], restart),
};

export const takeoverGap: Bench = {
  name: 'takeover',
  about: 'ms without forwarding when a daemon takes the place of another',
  run: () => measure(['tap', 'packet', 'xdp'], takeover),
};
