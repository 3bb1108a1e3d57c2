/**
 * The sink's process: takes every frame of the load test's ethertype that reaches one link, and keeps account.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { linkByName } from '../../src/shared/sys/link.js';
import { PacketReceiver } from '../../src/shared/sys/packet-socket.js';
import { nowNs } from './clock.js';
import { checkFrame, ETHERTYPE, flowOf, frameMemory, LONGEST, sequenceOf, timeOf, Verdict } from './frame.js';
import { LatencyHistogram } from './latency.js';
import { type Order, report, type SinkTask, task } from './link-process.js';
import { SequenceTracker } from './sequence-tracker.js';
import { openWindow } from './window.js';

const BATCH = 64;
const WAIT_MS = 10;
/** Orders are looked for so often. */
const SLICE_NS = 20e6;
/** The test is over when no frame has come for so long after the last was sent. */
const QUIET_NS = 500e6;
const BUFFER_BYTES = 64 << 20;

const { link, run, flows, window } = task<SinkTask>();
/** Frames received, as the generator sees them. */
const arrived = window === undefined ? undefined : openWindow(window);
const options = { batch: BATCH, length: LONGEST + 1, ethertype: ETHERTYPE, bufferBytes: BUFFER_BYTES, waitMs: WAIT_MS };
const receiver = new PacketReceiver(link, options);
const memory = frameMemory(receiver.frames);
const tracker = new SequenceTracker(flows);
const latencies = new LatencyHistogram();
const perSecond: number[] = [];
const count = { frames: 0, corrupted: 0, foreign: 0 };
let firstAt = 0;
/** When the last frame of ours came; of the order to end, if that is later. */
let lastAt = nowNs();
let ending = false;

/** Frame `i` of the batch that came at `now`. */
function take(i: number, now: number): void {
  const at = i * receiver.stride;
  const verdict = checkFrame(memory, at, receiver.lengthOf(i), run);
  if (verdict === Verdict.FOREIGN) count.foreign++;
  else if (verdict === Verdict.CORRUPTED || flowOf(memory, at) >= flows) count.corrupted++;
  else {
    count.frames++;
    lastAt = now;
    tracker.arrived(flowOf(memory, at), sequenceOf(memory, at));
    latencies.add(now - timeOf(memory, at));
  }
}

async function receive(): Promise<void> {
  let now = nowNs();
  while (!ending || now - lastAt < QUIET_NS) {
    for (const slice = now + SLICE_NS; now < slice; ) {
      const got = receiver.receive();
      now = nowNs();
      if (got === 0) continue;
      if (firstAt === 0) firstAt = now;
      const second = Math.floor((now - firstAt) / 1e9);
      while (perSecond.length <= second) perSecond.push(0);
      perSecond[second] += got;
      for (let i = 0; i < got; i++) take(i, now);
      if (arrived !== undefined) Atomics.store(arrived, 0, count.frames | 0);
    }
    await breathe();
  }
  const { first, reordered, duplicated, stale } = tracker;
  const dropped = receiver.drops();
  receiver.close();
  const latency = latencies.summary();
  await report({ kind: 'received', ...count, first, reordered, duplicated, stale, dropped, latency, perSecond });
  process.disconnect();
}

process.on('message', (order: Order) => {
  if (order.kind !== 'end') return;
  ending = true;
  lastAt = nowNs();
});
void report({ kind: 'ready', mac: linkByName(link)?.mac ?? '' });
void receive();
