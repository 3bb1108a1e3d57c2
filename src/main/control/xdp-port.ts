/**
 * Attached interfaces through AF_XDP: one socket for each queue of the device, the queues dealt to the workers in turn. Main
 * only.
 *
 * The first slots to receive into are main's, so that something comes before any worker was woken. What the kernel still holds
 * when an interface is closed is known by its owner word, and goes home.
 */
import { If, ifRecord, Offload } from '../../shared/layout/heap.js';
import { Slot, SlotOwner } from '../../shared/layout/packet.js';
import { createXskMap, redirectIngress, setXskMap } from '../../shared/sys/ebpf.js';
import { addressOf, close, viewAt } from '../../shared/sys/libc.js';
import { type LinkInfo, linkQueues, setLinkUp } from '../../shared/sys/link.js';
import { openPromiscuous } from '../../shared/sys/packet-ring.js';
import { closeXdpQueue, openXdpQueue, type XdpQueue, XdpRing, xdpStatistics } from '../../shared/sys/xdp.js';
import type { Memory } from '../memory/memory.js';
import type { HostHandle, OpenHost } from './host-port.js';
import type { Live } from './interface-table.js';

/** Slots that each queue begins with. */
const FIRST_SLOTS = 1024;
/** Two VLAN tags and an Ethernet header, which an MTU does not count. */
const HEADERS = 22;

/** Whether frames of a link may be longer than a slot. */
function needsFrags(link: LinkInfo): boolean {
  return link.mtu + HEADERS > Slot.FRAME_MAX;
}

/** Makes the opener of AF_XDP interfaces whose memory is `memory`'s frames. */
export function openXdpPort(memory: Memory): OpenHost {
  const { views } = memory;
  const umem = {
    memory: addressOf(views.u8),
    bytes: views.sizes.frames * Slot.FRAME_STRIDE,
    chunk: Slot.FRAME_STRIDE,
  };

  /** Gives a queue its first slots. */
  function fill(live: Live, queue: XdpQueue): void {
    const ring = queue.rings[2] as XdpQueue['rings'][number];
    const words = new Int32Array(viewAt(ring.address, ring.bytes));
    const { desc, producer } = ring.offsets;
    // Main needs some itself.
    const most = Math.min(FIRST_SLOTS, memory.cache.freeFrames >> 1);
    let n = 0;
    for (; n < most; n++) {
      const slot = memory.cache.takeFrame();
      if (slot === -1) break;
      views.owner[slot] = SlotOwner.DEVICE - live.index;
      words[desc + n * XdpRing.ADDRESS_WORDS] = slot * Slot.FRAME_STRIDE;
      words[desc + n * XdpRing.ADDRESS_WORDS + 1] = 0;
    }
    Atomics.store(words, producer, n);
  }

  /** Slots that the kernel had go home; no socket of the interface is open any more. */
  function takeHome(live: Live): void {
    const { owner } = views;
    const theirs = SlotOwner.DEVICE - live.index;
    for (let slot = 0; slot < views.sizes.frames; slot++) if (owner[slot] === theirs) memory.cache.give(slot);
    memory.cache.flush();
  }

  return (live: Live, link: LinkInfo, workers: readonly number[]): HostHandle => {
    const count = linkQueues(live.name);
    const frags = needsFrags(link);
    const queues: XdpQueue[] = [];
    const fds: number[] = [];
    const end = (): void => {
      for (const fd of fds.splice(0).reverse()) close(fd);
      for (const queue of queues) closeXdpQueue(queue);
      takeHome(live);
    };
    let mode: string;
    try {
      // A socket binds to a link that is up.
      if (!link.up) setLinkUp(live.name, true);
      const map = createXskMap(count);
      fds.push(map);
      fds.push(openPromiscuous(live.name, link.index));
      const program = redirectIngress(live.name, link.index, map, frags, ['driver', 'generic']);
      fds.push(program.link);
      mode = program.mode;
      for (let n = 0; n < count; n++) {
        const queue = openXdpQueue(live.name, link.index, n, umem, frags);
        queues.push(queue);
        fill(live, queue);
      }
      for (const queue of queues) setXskMap(map, queue.queue, queue.fd);
      if (!link.up) setLinkUp(live.name, false);
    } catch (error) {
      end();
      throw error;
    }
    views.heap[ifRecord(live.index) + If.OFFLOADS] = Offload.NONE;
    const zeroCopy = queues.every((queue) => queue.zeroCopy);
    const owners = queues.map((_, n) => workers[n % workers.length] as number);
    const senders: number[] = [];
    workers.forEach((worker, n) => {
      const own = owners.indexOf(worker);
      senders[worker] = own === -1 ? n % count : own;
    });
    let seen = 0;
    return {
      queues: queues.map(({ fd, rings }, n) => ({
        owner: owners[n] as number,
        fd,
        rings: rings.map(({ address }) => address),
      })),
      offsets: (queues[0] as XdpQueue).rings.flatMap(({ offsets: o }) => [o.producer, o.consumer, o.desc, o.flags]),
      senders,
      media: [
        `AF_XDP ${mode} mode`,
        zeroCopy ? 'zero-copy' : 'copy',
        ...(frags ? ['multi-buffer'] : []),
        `${count} ${count === 1 ? 'queue' : 'queues'}`,
      ].join(', '),
      copies: !zeroCopy,
      listen: () => {},
      missed: () => {
        const all = queues.reduce((sum, { fd }) => sum + xdpStatistics(fd).missed, 0);
        const more = all - seen;
        seen = all;
        return more;
      },
      outgrown: (now) => needsFrags(now) !== frags || linkQueues(live.name) !== count,
      close: end,
    };
  };
}
