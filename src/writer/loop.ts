/**
 * The capture writer's loop: takes what workers captured out of their rings, gives it to the sinks, and sleeps. Runs in the capture
 * writer; it waits for disks, never for readers, and no worker ever waits for it: a full ring drops and counts.
 *
 * After a turn that found something it naps, so that packets come in batches, unless a ring fills meanwhile; after one that found nothing it
 * sleeps until something comes. Its batches are large: a wake-up costs what a thousand packets do, and a disk what a hundred do.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import {
  CaptureBell,
  CaptureRecord,
  captureBell,
  MAX_CAPTURES,
  WriterBatch,
  WriterLane,
  WriterRest,
  wakeWords,
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

/** Between turns while packets come: to files, and to somebody who watches. */
const NAP_MS = 100;
const LIVE_NAP_MS = 2;
/** Longest sleep: readers may leave, and files grow old, while nothing comes. */
const SLEEP_MS = 100;
/** Where `WriterBatch` is. */
const BATCH = MAX_CAPTURES * WriterLane.WORDS;

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

  const full = wakeWords(sizes.captureBytes);
  /** Bytes taken from a ring before they are written and their room is given back. */
  const batchBytes = full * 4;
  let live = false;
  /** Whether it may look at the rings. */
  let begun = false;

  /** Takes at most what a ring holds from each of them. Returns whether there was anything. */
  function drain(): boolean {
    let found = false;
    for (const ring of rings) {
      let [turn, batch] = [0, 0];
      hurry(ring);
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
        found = true;
        batch += i32[at + CaptureRecord.SIZE] * 4;
        if (batch < batchBytes) continue;
        finish(ring, ring.position());
        turn += batch;
        batch = 0;
        hurry(ring);
      }
      finish(ring, ring.position());
    }
    return found;
  }

  /** Tells the sinks whether this ring is more than half full. */
  function hurry(ring: CaptureConsumer): void {
    const fills = ring.occupancy > 2 * full;
    for (const sink of sinks) sink?.hurry(fills);
  }

  /** Rests until it is woken, but `ms` at most; not at all if a ring has `words` words, or main has asked for something since `asked`. */
  function rest(kind: WriterRest, words: number, asked: number, ms: number): void {
    Atomics.store(i32, bell, kind);
    // Who published or asked before it could see that we rest did not ring.
    const nothing = rings.every((ring) => ring.occupancy < words) && Atomics.load(i32, requests) === asked;
    if (nothing) Atomics.wait(i32, bell, kind, ms);
    Atomics.store(i32, bell, WriterRest.NONE);
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
    if (target.kind === 'file') return new FileSink(id, target, encoder, packets, count, tell);
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
    if (drain()) rest(WriterRest.NAP, full, asked, live ? LIVE_NAP_MS : NAP_MS);
    else rest(WriterRest.SLEEP, 1, asked, SLEEP_MS);
  }
  for (const sink of sinks) sink?.close({ received: 0, dropped: 0 });
}
