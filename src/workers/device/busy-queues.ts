/**
 * Queues of attached interfaces that a busy worker looks into by itself. Worker.
 *
 * A socket in an epoll set has a waiter: whoever brings a frame to it, and whoever frees one that it sent, takes that set's lock. That was 4 % of
 * the sender's time and 10 % of the worker's, with its own calls (60-byte frames over veth, Linux 6.18, 21 November 2026). So a worker
 * that has had work turn after turn takes its sockets out of the set, looks at their rings instead, and puts them back before it
 * sleeps; epoll then says at once what is there already.
 *
 * The descriptors are main's, closed a grace period after their record is gone: a record that is still there vouches for them.
 * Who takes a dead worker's number puts all of its queues back first.
 */
import { Control, If, IfType, ifRecord, MAX_INTERFACES, Thread } from '../../shared/layout/heap.js';
import { HostDevice, Queue, queueBlock } from '../../shared/layout/host-device.js';
import { epollDel, epollTryAdd } from '../../shared/sys/epoll.js';
import type { Context } from '../context.js';

/** Most queues that are looked into; more of them stay with epoll. */
const MOST = 32;
/**
 * Frames that an eager worker waits for where there is one, as every burst costs two calls; and how often it looks without news before it goes
 * with fewer: some 4 µs.
 */
export const GATHER = 16;
export const LOOKS = 1000;

/** A worker's queues of attached interfaces. */
export interface BusyQueues {
  /** How many are out of the epoll set now. */
  out(): number;
  /** Interface of the `k`th of these, which `ctx.queue` is then the queue of; 0 = it is gone. */
  take(k: number): number;
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

  return {
    out: () => count,
    take(k: number): number {
      if (recordOf(k) === 0) return 0;
      ctx.queue = numbers[k];
      return interfaces[k];
    },
    heat(): void {
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
      for (let k = 0; k < count; k++) put(k);
      count = 0;
    },
    recover(): void {
      if (heap[Control.HOST_DEVICES] === 0) return;
      find();
      for (let k = 0; k < known; k++) put(k);
    },
  };
}
