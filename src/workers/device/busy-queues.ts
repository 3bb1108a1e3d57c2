/**
 * Queues that a busy worker looks into by itself: those of attached interfaces, and TAPs that bring frames densely. Worker.
 *
 * A descriptor in an epoll set has a waiter: whoever brings a frame to it, and whoever frees one that it sent, takes that set's lock. That was 4 % of
 * the sender's time and 10 % of the worker's, with its own calls (60-byte frames over veth, Linux 6.18, 21 November 2026); on a TAP
 * 0.3 µs of the sender's for every frame. So a worker that has had work turn after turn, or naps, takes its sockets out of the set, looks at
 * their rings instead, and puts them back before it sleeps; epoll then says at once what is there already.
 *
 * A look into an empty TAP is a system call. So a TAP is taken out only when it has given several frames at once, and goes back when it
 * has given none for a while.
 *
 * The descriptors are main's, closed a grace period after their record is gone: a record that is still there vouches for them.
 * Who takes a dead worker's number puts all of its queues back first.
 */
import { Control, If, IfType, ifRecord, MAX_INTERFACES, Thread } from '../../shared/layout/heap.js';
import { HostDevice, Queue, queueBlock } from '../../shared/layout/host-device.js';
import { epollDel, epollTryAdd } from '../../shared/sys/epoll.js';
import type { Context } from '../context.js';

/** Most queues of attached interfaces that are looked into; more of them stay with epoll. */
const MOST = 32;
/** The same of TAPs. */
const TAPS_OUT = 8;
/** Frames that a TAP gives at once to be taken out, and looks in vain after which it goes back. */
export const DENSE = 8;
export const VAIN_LOOKS = 64;
/**
 * Frames that an eager worker waits for where there is one, as every burst costs two calls; and how often it looks without news before it goes
 * with fewer: some 4 µs.
 */
export const GATHER = 16;
export const LOOKS = 1000;

/** A worker's queues. */
export interface BusyQueues {
  /** How many of attached interfaces are out of the epoll set now. */
  out(): number;
  /** Interface of the `k`th of these, which `ctx.queue` is then the queue of; 0 = it is gone. */
  take(k: number): number;
  /** How many TAPs are out. */
  tapsOut(): number;
  /** Interface of the `k`th of them; 0 = it is gone. */
  takeTap(k: number): number;
  /** The `k`th of them has given `reads` frames. False if it has gone back for it. */
  tapGave(k: number, reads: number): boolean;
  /** Epoll spoke of TAP `index`, and it gave `reads` frames; while the queues are out, a dense one follows them. */
  epollGave(index: number, reads: number): void;
  /** Takes the worker's queues out. */
  heat(): void;
  /** Puts back those that are out. */
  cool(): void;
  /** Puts back all that there are, whoever took them out. */
  recover(): void;
}

/** Makes the busy queues of one worker. */
export function makeBusyQueues(ctx: Context): BusyQueues {
  const { heap, block, me } = ctx;
  /** Its queues, known as of the newest record: interface, queue, and the record's serial. */
  const interfaces = new Int32Array(MOST);
  const numbers = new Int32Array(MOST);
  const serials = new Int32Array(MOST);
  let known = 0;
  let newest = 0;
  let count = 0;
  /** TAPs that are out: interface, its generation, and the looks in vain since it last gave frames. */
  const taps = new Int32Array(TAPS_OUT);
  const generations = new Int32Array(TAPS_OUT);
  const inVain = new Int32Array(TAPS_OUT);
  let tapCount = 0;
  let hot = false;

  /** The record of the `k`th queue, which is still that queue's; 0 if it is not. */
  function recordOf(k: number): number {
    const device = heap[ifRecord(interfaces[k]) + If.DEVICE];
    return device !== 0 && heap[device + HostDevice.SERIAL] === serials[k] ? device : 0;
  }

  /** Finds the worker's queues. */
  function find(): void {
    known = 0;
    for (let index = 1; index < MAX_INTERFACES && known < MOST; index++) {
      const record = ifRecord(index);
      const type = heap[record + If.TYPE];
      const device = heap[record + If.DEVICE];
      if ((type !== IfType.XDP && type !== IfType.PACKET) || device === 0) continue;
      for (let queue = 0; queue < heap[device + HostDevice.QUEUES] && known < MOST; queue++) {
        if (heap[queueBlock(device, queue) + Queue.OWNER] !== me) continue;
        interfaces[known] = index;
        numbers[known] = queue;
        serials[known] = heap[device + HostDevice.SERIAL];
        known++;
      }
    }
  }

  function put(k: number): void {
    const device = recordOf(k);
    if (device === 0) return;
    const generation = heap[ifRecord(interfaces[k]) + If.GENERATION];
    const fd = heap[queueBlock(device, numbers[k]) + Queue.FD];
    epollTryAdd(heap[block + Thread.EPOLL], fd, interfaces[k] | (numbers[k] << 16), generation, false);
  }

  function takeTap(k: number): number {
    const record = ifRecord(taps[k]);
    return heap[record + If.GENERATION] === generations[k] && heap[record + If.TYPE] === IfType.TAP ? taps[k] : 0;
  }

  function putTap(index: number): void {
    const record = ifRecord(index);
    const fd = heap[record + If.QUEUE_FD + me];
    if (fd !== -1) epollTryAdd(heap[block + Thread.EPOLL], fd, index, heap[record + If.GENERATION], false);
  }

  /** The `k`th TAP goes back, the last one takes its place. */
  function tapBack(k: number): void {
    if (takeTap(k) !== 0) putTap(taps[k]);
    tapCount--;
    taps[k] = taps[tapCount];
    generations[k] = generations[tapCount];
    inVain[k] = inVain[tapCount];
  }

  return {
    out: () => count,
    take(k: number): number {
      if (recordOf(k) === 0) return 0;
      ctx.queue = numbers[k];
      return interfaces[k];
    },
    tapsOut: () => tapCount,
    takeTap,
    tapGave(k: number, reads: number): boolean {
      inVain[k] = reads === 0 ? inVain[k] + 1 : 0;
      // Epoll tells of a TAP that has lost its link.
      if (inVain[k] < VAIN_LOOKS && !ctx.deviceGone) return true;
      tapBack(k);
      return false;
    },
    epollGave(index: number, reads: number): void {
      if (!hot || reads < DENSE || tapCount === TAPS_OUT) return;
      const record = ifRecord(index);
      taps[tapCount] = index;
      generations[tapCount] = heap[record + If.GENERATION];
      inVain[tapCount++] = 0;
      epollDel(heap[block + Thread.EPOLL], heap[record + If.QUEUE_FD + me]);
    },
    heat(): void {
      hot = true;
      if (count !== 0 || heap[Control.HOST_DEVICES] === 0) return;
      if (newest !== heap[Control.HOST_DEVICES]) {
        newest = heap[Control.HOST_DEVICES];
        find();
      }
      for (count = 0; count < known; count++) {
        const device = recordOf(count);
        if (device !== 0) epollDel(heap[block + Thread.EPOLL], heap[queueBlock(device, numbers[count]) + Queue.FD]);
      }
    },
    cool(): void {
      hot = false;
      for (let k = 0; k < count; k++) put(k);
      count = 0;
      while (tapCount > 0) tapBack(tapCount - 1);
    },
    recover(): void {
      for (let index = 1; index < MAX_INTERFACES; index++)
        if (heap[ifRecord(index) + If.TYPE] === IfType.TAP) putTap(index);
      if (heap[Control.HOST_DEVICES] === 0) return;
      find();
      for (let k = 0; k < known; k++) put(k);
    },
  };
}
