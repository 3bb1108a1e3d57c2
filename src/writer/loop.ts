/**
 * The capture writer's loop: takes what workers captured out of their rings, gives it to the sinks, and sleeps. Runs in the capture
 * writer; it waits for disks, never for readers, and no worker ever waits for it: a full ring drops and counts.
 *
 * After a turn that found something it naps, so that packets come in batches and workers seldom ring; after one that found nothing it
 * sleeps until one of them does.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import {
  CaptureBell,
  CaptureRecord,
  captureBell,
  MAX_CAPTURES,
  WriterBatch,
  WriterLane,
} from '../shared/layout/capture.js';
import { openRegions, type Regions } from '../shared/layout/regions.js';
import { CaptureConsumer } from '../shared/ring/capture-ring.js';
import type { WriterReply, WriterRequest } from '../shared/ring/writer-message.js';
import { addressOf } from '../shared/sys/libc.js';
import { makeEncoder } from './encoder.js';
import { FileSink } from './file-sink.js';
import { type Sink, SinkCounters } from './sink.js';
import { StreamSink } from './stream-sink.js';

/** What main hands the writer. */
export interface WriterTask {
  readonly regions: Regions;
  readonly port: MessagePort;
  /** `WRITER_WORDS` doubles in shared memory: `WriterLane` of each capture, then `WriterBatch`. */
  readonly counters: Float64Array;
}

/** Between turns while packets come: to files, and to somebody who watches. A wake-up costs what some hundred packets do. */
const NAP_MS = 10;
const LIVE_NAP_MS = 2;
/** The ring that such naps are for; a smaller one is looked at more often. */
const NAP_RING_BYTES = 16 << 20;
/** A ring that was fuller than this, as a part of 1, is looked at again at once. */
const FULL = 0.25;
/** Longest sleep: readers may leave, and files grow old, while nothing comes. */
const SLEEP_MS = 100;
/** Where `WriterBatch` is. */
const BATCH = MAX_CAPTURES * WriterLane.WORDS;
/** Bytes taken from a ring before they are written and their room is given back. */
const BATCH_BYTES = 256 << 10;

/** Writes captures until main says stop. */
export function writeCaptures({ regions, port, counters }: WriterTask): void {
  const views = openRegions(regions);
  const { i32, sizes } = views;
  const packets = { i32, address: addressOf(views.u8) };
  const bell = captureBell(sizes) + CaptureBell.ASLEEP;
  const requests = captureBell(sizes) + CaptureBell.REQUESTS;
  const rings = Array.from({ length: sizes.threads }, (_, thread) => new CaptureConsumer(views, thread));
  const sinks: (Sink | undefined)[] = new Array(MAX_CAPTURES).fill(undefined);
  const never = new Int32Array(new SharedArrayBuffer(4));
  const tell = (reply: WriterReply): void => port.postMessage(reply);

  const nap = NAP_MS * Math.min(1, sizes.captureBytes / NAP_RING_BYTES);
  let live = false;
  /** Whether it may look at the rings. */
  let begun = false;

  /** Takes at most what a ring holds from each of them. Returns how much of the fullest one was taken, as a part of 1. */
  function drain(): number {
    let most = 0;
    for (const ring of rings) {
      let [turn, batch] = [0, 0];
      while (turn < sizes.captureBytes) {
        const at = ring.next();
        if (at === -1) break;
        const id = i32[at + CaptureRecord.ID];
        const sink = sinks[id & 0xffff];
        // What a capture left that has ended means nothing to the next one of its number.
        if (sink !== undefined && sink.id === id) {
          if (sink.isFull(at)) {
            finish(ring, ring.position(true));
            sink.rotate();
          }
          sink.take(at);
        }
        batch += i32[at + CaptureRecord.SIZE] * 4;
        if (batch < BATCH_BYTES) continue;
        finish(ring, ring.position());
        turn += batch;
        batch = 0;
      }
      finish(ring, ring.position());
      most = Math.max(most, (turn + batch) / sizes.captureBytes);
    }
    return most;
  }

  /**
   * Has what was taken out of a ring written, gives its room before `position` back, and tells. Should this thread die on the way, its successor
   * takes the same packets from the ring again and off the files, or does neither: one store decides, that of the ring's HEAD.
   */
  function finish(ring: CaptureConsumer, position: number): void {
    for (const sink of sinks) sink?.flush();
    for (const sink of sinks) sink?.prepare();
    counters[BATCH + WriterBatch.HEAD] = position;
    counters[BATCH + WriterBatch.RING] = rings.indexOf(ring) | (1 << 16);
    ring.release(position);
    for (const sink of sinks) sink?.book();
    counters[BATCH + WriterBatch.RING] = 0;
  }

  /** Does what main asks for. False when it asks to stop. */
  function answer(): boolean {
    for (;;) {
      const received = receiveMessageOnPort(port) as { message: WriterRequest } | undefined;
      if (received === undefined) return true;
      const request = received.message;
      if (request.op === 'stop') return false;
      if (request.op === 'begin') {
        begun = true;
        continue;
      }
      const { serial, id } = request;
      const number = id & 0xffff;
      try {
        if (request.op === 'open') sinks[number] = open(request);
        else {
          drain();
          const sink = sinks[number];
          sinks[number] = undefined;
          sink?.close(request.statistics);
        }
        live = sinks.some((sink) => sink instanceof StreamSink);
        tell({ op: 'done', serial });
      } catch (error) {
        const { code = 'EIO', message } = error as { code?: string; message: string };
        tell({ op: 'done', serial, code, message });
      }
    }
  }

  function open({ id, target }: WriterRequest & { op: 'open' }): Sink {
    const encoder = makeEncoder(target.encoding, packets);
    const count = new SinkCounters(counters, id);
    if (target.kind === 'file') return new FileSink(id, target, encoder, count, tell);
    return new StreamSink(id, target, encoder, count, tell);
  }

  for (;;) {
    const asked = Atomics.load(i32, requests);
    if (!answer()) break;
    if (!begun) {
      Atomics.wait(never, 0, 0, 1);
      continue;
    }
    const now = performance.now();
    for (const sink of sinks) sink?.tick(now);
    const taken = drain();
    if (taken > 0) {
      if (taken < FULL) Atomics.wait(never, 0, 0, live ? Math.min(nap, LIVE_NAP_MS) : nap);
      continue;
    }
    Atomics.store(i32, bell, 1);
    // Who published or asked before it could see that we sleep did not ring.
    const nothing = rings.every((ring) => ring.occupancy === 0) && Atomics.load(i32, requests) === asked;
    if (nothing) Atomics.wait(i32, bell, 1, SLEEP_MS);
    Atomics.store(i32, bell, 0);
  }
  for (const sink of sinks) sink?.close({ received: 0, dropped: 0 });
}
