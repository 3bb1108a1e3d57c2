/** What a run amounts to: the figures of each direction, what is wrong with them, and both as text. */
import type { DropCount } from './drops.js';
import { type Offered, type Place, placeName, type Received } from './link-process.js';

/** One direction's figures. */
export interface Direction {
  readonly from: string;
  readonly to: string;
  /** Frames a second that were asked for; 0 as fast as it goes. */
  readonly rate: number;
  readonly offered: Omit<Offered, 'kind'>;
  readonly received: Omit<Received, 'kind'>;
  /** Frames that were sent and never came. */
  readonly lost: number;
  /** Of these, frames lost neither in the sender's link nor in the sink's socket. */
  readonly lostBetween: number;
}

/** A whole run. */
export interface Result {
  readonly verdict: 'pass' | 'fail';
  /** What failed; empty for a pass. */
  readonly faults: readonly string[];
  readonly seed: number;
  readonly directions: readonly Direction[];
  /** What the smrouterd between dropped meanwhile; absent if it was not asked. */
  readonly drops?: readonly DropCount[];
}

/** Puts what both ends of a direction say together. */
export function direction(from: Place, to: Place, rate: number, offered: Offered, received: Received): Direction {
  const { kind: _, ...sent } = offered;
  const { kind: __, ...came } = received;
  const lost = sent.frames - came.first;
  const lostBetween = Math.max(0, lost - sent.dropped - came.dropped);
  return { from: placeName(from), to: placeName(to), rate, offered: sent, received: came, lost, lostBetween };
}

/**
 * What is wrong with a run. `allowLoss` is in percent of what was sent. With `everyDrop` the drops are those of a router that had
 * no other traffic, so that they must be exactly the frames lost between.
 */
export function faultsOf(
  directions: readonly Direction[],
  drops: readonly DropCount[] | undefined,
  { allowLoss, everyDrop }: { readonly allowLoss: number; readonly everyDrop: boolean },
): string[] {
  const faults: string[] = [];
  for (const { from, to, offered, received, lost } of directions) {
    const say = (text: string): number => faults.push(`${from} → ${to}: ${text}`);
    const percent = (100 * lost) / offered.frames;
    if (offered.frames === 0) say('nothing could be sent');
    else if (percent > allowLoss) {
      const ours = received.dropped > 0 ? ", some in the sink's own socket: it could not keep up" : '';
      say(`lost ${lost} of ${offered.frames} frames (${percent.toPrecision(2)} %)${ours}`);
    }
    for (const kind of ['duplicated', 'reordered', 'stale', 'corrupted'] as const)
      if (received[kind] > 0) say(`${kind} ${received[kind]}`);
  }
  if (drops !== undefined && everyDrop) {
    const lost = directions.reduce((sum, { lostBetween }) => sum + lostBetween, 0);
    const dropped = drops.reduce((sum, { frames }) => sum + frames, 0);
    if (lost !== dropped) faults.push(`${lost} frames were lost between, but ${dropped} dropped with a reason`);
  }
  return faults;
}

/** The run as lines for people. */
export function resultText({ verdict, faults, seed, directions, drops }: Result): string {
  const lines = directions.flatMap(directionLines);
  if (drops !== undefined) {
    lines.push(drops.length === 0 ? 'the router dropped nothing' : 'the router dropped');
    for (const { interface: name, reason, frames } of drops) lines.push(`  ${name} ${reason} ${frames}`);
  }
  lines.push(`seed ${seed}`, verdict === 'pass' ? 'PASS' : `FAIL: ${faults.join('; ')}`);
  return lines.map((line) => `${line}\n`).join('');
}

function directionLines({ from, to, rate, offered, received, lost, lostBetween }: Direction): string[] {
  const asked = rate === 0 ? '' : ` of ${rate} asked`;
  const perSecond = Math.round(offered.frames / offered.seconds);
  const megabits = ((offered.bytes * 8) / offered.seconds / 1e6).toFixed(1);
  const { latency } = received;
  return [
    `${from} → ${to}`,
    `  sent        ${offered.frames} frames in ${offered.seconds.toFixed(2)} s: ${perSecond}/s${asked}, ${megabits} Mbit/s; the link's queue refused ${offered.refused}`,
    `  received    ${received.frames} frames; each second ${received.perSecond.join(' ')}`,
    `  lost        ${lost}: ${offered.dropped} in the sender's link, ${received.dropped} in the sink's socket, ${lostBetween} between`,
    `  else        duplicated ${received.duplicated}, reordered ${received.reordered}, stale ${received.stale}, corrupted ${received.corrupted}; foreign ${received.foreign}`,
    `  latency     µs: p50 ${latency.p50}, p99 ${latency.p99}, max ${latency.max} (one host, one clock; from building a batch to its receipt)`,
  ];
}
