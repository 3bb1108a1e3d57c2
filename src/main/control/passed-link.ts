/**
 * Attached interfaces as they go from one process to the next (takeover.ts). Main only.
 *
 * What belongs to the process goes anew, such as the memory of AF_XDP sockets. What belongs to the kernel goes over as it is: how the link
 * was found, and AF_PACKET sockets with their rings, their fanout group and the program that keeps frames from the host's stack. The next
 * process maps the rings before the old one leaves, and goes on in them where that one stopped; what came meanwhile waits there.
 */
import { HostDevice, Queue, queueBlock } from '../../shared/layout/host-device.js';
import { close } from '../../shared/sys/libc.js';
import { type LinkInfo, linkByName, setLinkMtu, setLinkUp } from '../../shared/sys/link.js';
import { closePacketQueues, mapPacketQueue, PACKET_GEOMETRY, type PacketQueue } from '../../shared/sys/packet-ring.js';
import type { InterfaceSpec } from '../config/state.js';

/** What is said of an attached interface when it is offered. */
export interface PassedLink {
  readonly name: string;
  readonly ifindex: number;
  /** The record it has there, `HostDevice.SERIAL`: another one has other sockets. */
  readonly serial: number;
  /** The link as it was before anybody attached it. */
  readonly found: LinkInfo;
  /** What it was configured to be. */
  readonly up: boolean;
  readonly mtu: number;
  /** What the rings of AF_PACKET sockets are like, `PACKET_GEOMETRY`. */
  readonly rings: string;
  /** AF_PACKET: a socket for each worker, then the link of the program; else none. */
  readonly fds: readonly number[];
}

/** Where each socket's worker stopped in its rings, by interface: `PLACES`, socket by socket. */
export type RingPlaces = Readonly<Record<string, { readonly serial: number; readonly places: readonly number[][] }>>;

/** The words of a queue's block that say it. */
const PLACES = [Queue.RX_NEXT, Queue.RX_DONE, Queue.TX_HEAD, Queue.TX_TAIL] as const;

/** AF_PACKET sockets that another process had, mapped here. */
export interface PassedSockets {
  readonly queues: readonly PacketQueue[];
  /** Keeps frames from the host's stack while it is open. */
  readonly drop: number;
  readonly places: readonly (readonly number[])[];
}

/** Where the workers stopped in the rings of the record at `device`. They must have. */
export function ringPlaces(heap: Int32Array, device: number): number[][] {
  return Array.from({ length: heap[device + HostDevice.QUEUES] as number }, (_, n) =>
    PLACES.map((word) => heap[queueBlock(device, n) + word] as number),
  );
}

/** Lets the worker of the queue at `block` go on at `places`. */
export function storePlaces(heap: Int32Array, block: number, places: readonly number[]): void {
  PLACES.forEach((word, n) => {
    heap[block + word] = places[n] ?? 0;
  });
}

/** An attached interface that was passed on to this process. */
export class GivenLink {
  readonly passed: PassedLink;
  private sockets: PassedSockets | undefined;

  /** Takes `passed.fds`, which are this process's to close, and maps the rings; `packet` = they are wanted. Throws SysError; nothing stays open. */
  constructor(passed: PassedLink, workers: number, packet: boolean) {
    this.passed = passed;
    const { fds, name } = passed;
    // Workers that were given up there have threads here, and need sockets.
    if (!packet || fds.length !== workers + 1 || passed.rings !== PACKET_GEOMETRY) {
      for (const fd of fds) close(fd);
      return;
    }
    const queues: PacketQueue[] = [];
    try {
      for (const fd of fds.slice(0, -1)) queues.push(mapPacketQueue(name, fd));
    } catch (error) {
      closePacketQueues(queues);
      for (const fd of fds.slice(queues.length)) close(fd);
      throw error;
    }
    this.sockets = { queues, drop: fds[workers] as number, places: [] };
  }

  /** Where the old process stopped; sockets that it has exchanged since its offer are no use, nor are those it says nothing of. */
  stoppedAt(said: RingPlaces[string] | undefined): void {
    if (this.sockets === undefined) return;
    if (said?.serial === this.passed.serial) this.sockets = { ...this.sockets, places: said.places };
    else this.drop();
  }

  /** The sockets, once, if they are those of link `ifindex` and as many as there are workers; the caller's to close. */
  take(ifindex: number, workers: number): PassedSockets | undefined {
    const { sockets } = this;
    if (sockets === undefined || ifindex !== this.passed.ifindex || workers !== sockets.queues.length) return undefined;
    this.sockets = undefined;
    return sockets;
  }

  /** Once this process is configured, with `spec` or without that interface: closes what it has no use for, and leaves the link as it is to be. */
  settle(spec: InterfaceSpec | undefined): void {
    this.drop();
    const { name, ifindex, found, up, mtu } = this.passed;
    if (linkByName(name)?.index !== ifindex) return;
    try {
      if (mtu !== 0 && (spec?.mtu ?? 0) === 0) setLinkMtu(name, found.mtu);
      if (spec === undefined ? found.up !== up : up && !spec.up) setLinkUp(name, spec === undefined && found.up);
    } catch {
      // The link went at this moment; there is nothing to set.
    }
  }

  /** Closes sockets that nobody took. */
  drop(): void {
    if (this.sockets === undefined) return;
    close(this.sockets.drop);
    closePacketQueues(this.sockets.queues);
    this.sockets = undefined;
  }
}
