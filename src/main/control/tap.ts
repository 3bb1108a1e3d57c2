/**
 * Live TAPs: opened with a queue for each worker, watched by each worker's epoll (ARCHITECTURE.md, "Slots").
 */
import { If, ifRecord, Thread, threadBlock } from '../../shared/layout/heap.js';
import { epollDel, epollWatch } from '../../shared/sys/epoll.js';
import { linkByName, moveLinkToNetns, setLinkMtu } from '../../shared/sys/link.js';
import { adoptTap, attachQueue, closeTap, openTap, setCarrier, type TapHandle } from '../../shared/sys/tap.js';
import type { InterfaceSpec } from '../config/state.js';
import type { Memory } from '../memory/memory.js';
import type { Live } from './interface-table.js';

/** Queue descriptors of each live TAP, by interface index. */
const queues = new WeakMap<Live, readonly number[]>();

/** The kernel's index of each: another interface of the same name may stand here once ours has moved to a namespace. */
const kernelIndex = new WeakMap<Live, number>();

/** A TAP as it goes from one process to the next (takeover.ts). */
export interface PassedTap {
  readonly name: string;
  readonly ifindex: number;
  /** Namespace of the kernel's end; empty = the daemon's. */
  readonly netns: string;
  readonly up: boolean;
  /** A descriptor for each worker. */
  readonly fds: readonly number[];
}

/** What a TAP that was passed on is like already. */
const adopted = new WeakMap<Live, PassedTap>();

/** TAPs that belong to another process now: what is done here must not show in the kernel. */
const passedOn = new WeakSet<Live>();

/** What the next process needs of `live`, a TAP. */
export function passTap(live: Live): PassedTap {
  const { name, spec } = live;
  return {
    name,
    ifindex: kernelIndex.get(live) as number,
    netns: spec.netns,
    up: spec.up,
    fds: queues.get(live) as readonly number[],
  };
}

/** From now on `live` is another process's; only its descriptors here are closed with it. */
export function leaveTap(live: Live): void {
  passedOn.add(live);
}

/**
 * Opens the kernel's TAP for `live`, carrier off, or takes over the one that was passed on, carrier as it is; gives each worker its
 * queue. Throws what `openTap` throws.
 */
export function openTapPort(memory: Memory, live: Live, passed?: PassedTap): void {
  const handle = openOrAdopt(memory, live, passed);
  const { heap } = memory.views;
  const record = ifRecord(live.index);
  handle.fds.forEach((fd, worker) => {
    heap[record + If.QUEUE_FD + worker] = fd;
  });
  kernelIndex.set(live, handle.ifindex);
  queues.set(live, handle.fds);
  live.close = () => closeTap(handle);
  for (const worker of memory.givenUp) switchQueue(handle.fds[worker] as number, false);
}

function openOrAdopt(memory: Memory, live: Live, passed: PassedTap | undefined): TapHandle {
  if (passed !== undefined) {
    adopted.set(live, passed);
    // A worker that was given up there has a thread here.
    for (const fd of passed.fds) switchQueue(fd, true);
    return adoptTap(live.name, passed.ifindex, passed.fds);
  }
  const handle = openTap(live.name, memory.workers);
  setCarrier(handle.fds[0] as number, false);
  return handle;
}

/** Lets the workers hear of frames, once the record is published. */
export function watchTap(memory: Memory, live: Live): void {
  const { heap } = memory.views;
  (queues.get(live) as number[]).forEach((fd, worker) => {
    epollWatch(heap[threadBlock(worker) + Thread.EPOLL], fd, live.index, live.generation);
  });
}

/** Takes the queue of a worker that will not come back out of the kernel's choice, so that its flows go to the others. */
export function giveUpTap(live: Live, worker: number): void {
  switchQueue((queues.get(live) as number[])[worker] as number, false);
}

/** Attaches or detaches a queue; nothing if it is so already, or the TAP is gone. */
function switchQueue(fd: number, on: boolean): void {
  try {
    attachQueue(fd, on);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EINVAL') throw error;
  }
}

/** Ends that; the first step of removal. */
export function unwatchTap(memory: Memory, live: Live): void {
  const { heap } = memory.views;
  (queues.get(live) as number[]).forEach((fd, worker) => {
    epollDel(heap[threadBlock(worker) + Thread.EPOLL], fd);
  });
}

/** Brings the kernel's end from what `before` says to what `after` says. Throws SysError, having changed nothing. */
export function setTapAttributes(live: Live, before: InterfaceSpec, after: InterfaceSpec): void {
  if (passedOn.has(live)) return;
  const fd = (queues.get(live) as number[])[0] as number;
  // Where it was when it was passed on: from there no call reaches it.
  const moved = after.netns === '' || after.netns === (adopted.get(live)?.netns ?? '');
  const here = linkByName(live.name)?.index === kernelIndex.get(live);
  if (here && after.mtu !== before.mtu) setLinkMtu(live.name, after.mtu);
  try {
    if (after.netns !== before.netns && !moved) moveLinkToNetns(live.name, after.netns);
  } catch (error) {
    if (here && after.mtu !== before.mtu) setLinkMtu(live.name, before.mtu);
    throw error;
  }
  const was = adopted.get(live)?.up ?? before.up;
  adopted.delete(live);
  if (after.up === was) return;
  try {
    setCarrier(fd, after.up);
  } catch (error) {
    // The TAP is gone, and nobody sees its carrier.
    if ((error as { code?: string }).code !== 'EBADFD') throw error;
  }
}
