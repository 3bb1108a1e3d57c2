/**
 * Live TAPs: opened with a queue for each worker, watched by each worker's epoll (ARCHITECTURE.md, "Slots").
 */
import { If, ifRecord, Thread, threadBlock } from '../../shared/layout/heap.js';
import { epollAdd, epollDel } from '../../shared/sys/epoll.js';
import { setRingFile } from '../../shared/sys/io-uring.js';
import { linkByName, moveLinkToNetns, setLinkMtu } from '../../shared/sys/link.js';
import { closeTap, openTap, setCarrier } from '../../shared/sys/tap.js';
import type { InterfaceSpec } from '../config/state.js';
import type { Memory } from '../memory/memory.js';
import type { Live } from './interface-table.js';

/** Queue descriptors of each live TAP, by interface index. */
const queues = new WeakMap<Live, readonly number[]>();

/** The kernel's index of each: another interface of the same name may stand here once ours has moved to a namespace. */
const kernelIndex = new WeakMap<Live, number>();

/** Opens the kernel's TAP for `live`, carrier off, and gives each worker its queue. Throws what `openTap` throws. */
export function openTapPort(memory: Memory, live: Live): void {
  const handle = openTap(live.name, memory.workers);
  const { heap } = memory.views;
  const record = ifRecord(live.index);
  handle.fds.forEach((fd, worker) => {
    heap[record + If.QUEUE_FD + worker] = fd;
  });
  setCarrier(handle.fds[0] as number, false);
  kernelIndex.set(live, handle.ifindex);
  queues.set(live, handle.fds);
  live.close = () => closeTap(handle);
  // The table of an io_uring holds a file open by itself.
  if (memory.ioRings.length === 0) return;
  live.close = () => {
    for (const ring of memory.ioRings) setRingFile(ring, live.index, -1);
    closeTap(handle);
  };
  memory.ioRings.forEach((ring, worker) => {
    setRingFile(ring, live.index, handle.fds[worker] as number);
  });
}

/** Lets the workers hear of frames, once the record is published. */
export function watchTap(memory: Memory, live: Live): void {
  const { heap } = memory.views;
  (queues.get(live) as number[]).forEach((fd, worker) => {
    epollAdd(heap[threadBlock(worker) + Thread.EPOLL], fd, live.index, live.generation, false);
  });
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
  const fd = (queues.get(live) as number[])[0] as number;
  const here = linkByName(live.name)?.index === kernelIndex.get(live);
  if (here && after.mtu !== before.mtu) setLinkMtu(live.name, after.mtu);
  try {
    if (after.netns !== before.netns && after.netns !== '') moveLinkToNetns(live.name, after.netns);
  } catch (error) {
    if (here && after.mtu !== before.mtu) setLinkMtu(live.name, before.mtu);
    throw error;
  }
  if (after.up === before.up) return;
  try {
    setCarrier(fd, after.up);
  } catch (error) {
    // The TAP is gone, and nobody sees its carrier.
    if ((error as { code?: string }).code !== 'EBADFD') throw error;
  }
}
