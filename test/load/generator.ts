/**
 * The generator's process: sends numbered frames on one link, paced, until its time or its count is over.
 *
 * Frame n is a function of n and the task alone, so what the kernel refused is simply built again, with a new time.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { linkByName } from '../../src/shared/sys/link.js';
import { PacketSender } from '../../src/shared/sys/packet-socket.js';
import { nowNs } from './clock.js';
import { frameMemory, LONGEST, writeDestination, writeFrame, writeSource } from './frame.js';
import { type GeneratorTask, linkDrops, type Order, report, task } from './link-process.js';
import { BATCH, Pace } from './pace.js';
import { frameLength } from './sizes.js';
import { openWindow, Window } from './window.js';

/** Orders are looked for so often. */
const SLICE_NS = 20e6;
/** What is shorter than this is spun through: a sleep takes longer. */
const SPIN_NS = 30e3;
/** After a refusal a paced generator waits so long; and one that may not send before frames have arrived. */
const REFUSED_MS = 0.1;
const FULL_MS = 0.05;

const todo = task<GeneratorTask>();
const { run, seed, flows, size } = todo;
const link = linkByName(todo.link);
const sender = new PacketSender(todo.link, BATCH, LONGEST);
const memory = frameMemory(sender.frames);
const never = new Int32Array(new SharedArrayBuffer(4));

/** Addresses, six bytes each: the link's own, or made up from the run's number (locally administered, unicast). */
function sources(): Uint8Array {
  if (todo.macs === 0) return macBytes(link?.mac ?? '');
  const bytes = new Uint8Array(todo.macs * 6);
  const view = new DataView(bytes.buffer);
  for (let n = 0; n < todo.macs; n++) {
    view.setUint16(n * 6, 0x0200 | (run & 0xff));
    view.setUint32(n * 6 + 2, n);
  }
  return bytes;
}

function macBytes(text: string): Uint8Array {
  return Uint8Array.from(text.split(':'), (group) => Number.parseInt(group, 16));
}

/** Builds frames from number `first` on. */
function build(first: number, frames: number, macs: Uint8Array): void {
  const time = nowNs();
  const addresses = macs.length / 6;
  for (let i = 0; i < frames; i++) {
    const at = i * sender.stride;
    const n = first + i;
    const flow = n % flows;
    const length = frameLength(size, seed, n);
    sender.setLength(i, length);
    writeSource(memory, at, macs, flow % addresses);
    writeFrame(memory, at, length, run, flow, Math.floor(n / flows), time, seed);
  }
}

async function send(destination: Uint8Array): Promise<void> {
  for (let i = 0; i < BATCH; i++) writeDestination(memory, i * sender.stride, destination);
  const macs = sources();
  const droppedBefore = linkDrops(todo.link);
  const start = nowNs();
  const end = start + todo.seconds * 1e9;
  const pace = new Pace(todo.rate, start);
  const window = todo.window && new Window(openWindow(todo.window.file), todo.window.most, start);
  let sent = 0;
  let bytes = 0;
  let refused = 0;
  let now = start;
  while (now < end && sent < todo.count) {
    for (const slice = now + SLICE_NS; now < slice && now < end && sent < todo.count; now = nowNs()) {
      const due = Math.min(pace.due(now), todo.count - sent);
      if (due === 0) {
        const wait = pace.wait(now);
        if (wait > SPIN_NS) Atomics.wait(never, 0, 0, Math.min(wait, SLICE_NS, end - now) / 1e6);
        continue;
      }
      const frames = window === undefined ? due : Math.min(due, window.room(sent, now));
      if (frames === 0) {
        Atomics.wait(never, 0, 0, FULL_MS);
        continue;
      }
      build(sent, frames, macs);
      const took = sender.send(frames);
      for (let i = 0; i < took; i++) bytes += frameLength(size, seed, sent + i);
      sent += took;
      pace.take(took);
      if (took < frames) {
        refused++;
        if (todo.rate > 0) Atomics.wait(never, 0, 0, REFUSED_MS);
      }
    }
    await breathe();
    now = nowNs();
  }
  const dropped = Math.max(0, linkDrops(todo.link) - droppedBefore - refused);
  sender.close();
  await report({ kind: 'offered', frames: sent, bytes, refused, dropped, seconds: (now - start) / 1e9 });
  process.disconnect();
}

process.once('message', (order: Order) => {
  if (order.kind === 'go') void send(macBytes(order.destination));
});
void report({ kind: 'ready', mac: link?.mac ?? '' });
