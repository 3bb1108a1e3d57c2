/**
 * Interfaces of the host that were attached: opened when their link is there, closed when it goes, opened again when one of that
 * name comes back. Main only.
 *
 * What a link does (carrier, MTU, address) is looked at ten times a second: a few ioctls for each, so nothing can be missed
 * for good. A link that is gone leaves the configuration as it is; its interface is not running, and its frames are dropped.
 */
import { Lane, laneOf } from '../../shared/layout/counters.js';
import {
  Control,
  If,
  ifRecord,
  MAX_WORKERS,
  Kind as RecordKind,
  Thread,
  threadBlock,
} from '../../shared/layout/heap.js';
import { HostDevice, hostDeviceWords, Queue, queueBlock, storeAddress } from '../../shared/layout/host-device.js';
import type { Reclaimer } from '../../shared/smr/reclaimer.js';
import { epollDel, epollWatch } from '../../shared/sys/epoll.js';
import { type LinkInfo, linkByName, setLinkMtu, setLinkUp } from '../../shared/sys/link.js';
import { PACKET_GEOMETRY } from '../../shared/sys/packet-ring.js';
import type { InterfaceSpec } from '../config/state.js';
import { ControlError } from '../errors.js';
import type { Memory } from '../memory/memory.js';
import type { InterfaceTable, Live } from './interface-table.js';
import { type GivenLink, type PassedLink, type RingPlaces, ringPlaces, storePlaces } from './passed-link.js';

/** One queue of an open device. */
export interface HostQueue {
  readonly owner: number;
  readonly fd: number;
  /** Addresses of its mapped rings, up to four. */
  readonly rings: readonly number[];
  /** Where another process stopped in them (passed-link.ts); at their beginning unless told. */
  readonly places?: readonly number[];
}

/** What a kind of device opens on a link. */
export interface HostHandle {
  readonly queues: readonly HostQueue[];
  /** AF_XDP: where things are in the rings, as `HostDevice.OFFSETS` has them. */
  readonly offsets?: readonly number[];
  /** Queue through which each worker sends. */
  readonly senders: readonly number[];
  /** How it is driven, for display. */
  readonly media: string;
  /** Whether partial checksums may come unmarked. */
  readonly copies: boolean;
  /** AF_PACKET: the link of the program that keeps frames from the host's stack. */
  readonly drop?: number;
  /** Lets frames come, once the workers know of it. */
  listen(): void;
  /** Frames the kernel had no room for since last asked. */
  missed(): number;
  /** Whether it must be opened anew for a link that is so now. */
  outgrown(link: LinkInfo): boolean;
  /** Closes everything; no worker looks at it any more. */
  close(): void;
}

/** A kind of device: opens it on a link for those workers that live, those with the fewest queues first. Throws SysError. */
export type OpenHost = (
  live: Live,
  link: LinkInfo,
  workers: readonly number[],
  given?: GivenLink | undefined,
) => HostHandle;

/** What main is told of links. */
export interface HostLog {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

/** An attached interface. */
interface Attached {
  readonly live: Live;
  readonly open: OpenHost;
  link: LinkInfo;
  /** The link as it was found. */
  readonly found: LinkInfo;
  /** Its open device and the record that workers see; undefined while the link is not there. */
  device: { readonly handle: HostHandle; readonly record: number } | undefined;
  /** Why the last attempt to open it again failed. */
  why: string;
}

const ETHERNET_HEADER = 14;
/** Looks at links between two looks at what was missed. */
const LOOKS_A_SECOND = 10;

export class HostPorts {
  private readonly memory: Memory;
  private readonly table: InterfaceTable;
  private readonly reclaimer: Reclaimer;
  private readonly log: HostLog;
  private readonly ports = new Map<Live, Attached>();
  private serial = 0;
  private looks = 0;
  /** The links are another process's now. */
  private left = false;
  /** Workers whose thread was given up: they get no queues. */
  private readonly without = new Set<number>();

  constructor(memory: Memory, table: InterfaceTable, reclaimer: Reclaimer, log: HostLog) {
    this.memory = memory;
    this.table = table;
    this.reclaimer = reclaimer;
    this.log = log;
  }

  /** The address of the link of that name. Throws ENXIO when there is none, EPROTONOSUPPORT when it is not Ethernet. */
  lladdr(name: string): string {
    return linkToAttach(name).mac;
  }

  /**
   * Opens the device of `live`, which is not known to workers yet; `given` = what another process had of it. Throws; nothing stays open
   * then.
   */
  open(live: Live, open: OpenHost, given?: GivenLink): void {
    const link = linkToAttach(live.name);
    const found = given?.passed.ifindex === link.index ? given.passed.found : link;
    const port: Attached = { live, open, link, found, device: undefined, why: '' };
    this.start(port, given);
    this.ports.set(live, port);
    live.close = () => this.release(port);
  }

  /** Lets workers hear of frames, once the record is published. */
  watch(live: Live): void {
    this.listen(this.ports.get(live) as Attached);
  }

  /** Ends that; the first step of removal. */
  unwatch(live: Live): void {
    const port = this.ports.get(live) as Attached;
    this.ports.delete(live);
    this.deafen(port);
  }

  /** Brings the link from what `before` says to what `after` says. Throws SysError, having changed nothing. */
  attributes(live: Live, before: InterfaceSpec, after: InterfaceSpec): void {
    const port = this.ports.get(live) as Attached;
    if (port.device === undefined || this.left) return;
    const mtu = (spec: InterfaceSpec): number => spec.mtu || port.found.mtu;
    if (mtu(after) !== mtu(before)) setLinkMtu(live.name, mtu(after));
    try {
      if (after.up !== before.up) setLinkUp(live.name, after.up);
    } catch (error) {
      if (mtu(after) !== mtu(before)) setLinkMtu(live.name, mtu(before));
      throw error;
    }
    live.spec = after;
    this.look(port);
  }

  /** Looks at every link, as an interval does ten times a second. */
  poll(): void {
    if (this.left) return;
    const second = ++this.looks % LOOKS_A_SECOND === 0;
    for (const port of this.ports.values()) {
      this.look(port);
      if (second) this.countMissed(port);
    }
  }

  /** What the next process needs of every attached interface whose link is there. */
  pass(): PassedLink[] {
    return [...this.ports.values()].flatMap(({ live, link, found, device }) => {
      if (device === undefined) return [];
      const { queues, drop } = device.handle;
      const fds = drop === undefined ? [] : [...queues.map(({ fd }) => fd), drop];
      const serial = this.memory.views.heap[device.record + HostDevice.SERIAL] as number;
      const { name, spec } = live;
      const about = { name, ifindex: link.index, serial, found, up: spec.up, mtu: spec.mtu };
      return [{ ...about, rings: PACKET_GEOMETRY, fds }];
    });
  }

  /**
   * From now on the links are the next process's: what is done here must not show in them. Returns where the workers, which have
   * stopped, were in the rings of AF_PACKET sockets.
   */
  leave(): RingPlaces {
    this.left = true;
    const { heap } = this.memory.views;
    const all = [...this.ports.values()].flatMap(({ live, device }) => {
      if (device?.handle.drop === undefined) return [];
      const { record } = device;
      const serial = heap[record + HostDevice.SERIAL] as number;
      return [[live.name, { serial, places: ringPlaces(heap, record) }] as const];
    });
    return Object.fromEntries(all);
  }

  /** A worker will not be replaced: its queues go to the others. */
  giveUp(worker: number): void {
    this.without.add(worker);
    for (const port of this.ports.values()) if (port.device !== undefined) this.restart(port);
  }

  /** Queues that a worker drives, `eth1:0`. */
  queuesOf(worker: number): string[] {
    return [...this.ports.values()].flatMap(({ live, device }) =>
      (device?.handle.queues ?? []).flatMap(({ owner }, n) => (owner === worker ? [`${live.name}:${n}`] : [])),
    );
  }

  /** Follows one link. */
  private look(port: Attached): void {
    const now = linkByName(port.live.name);
    const same = now !== undefined && now.index === port.link.index;
    if (port.device !== undefined && !same) this.lose(port);
    if (now === undefined) return;
    if (port.device === undefined) {
      this.find(port, now);
      return;
    }
    const { handle, record } = port.device;
    const { heap } = this.memory.views;
    port.link = now;
    if (now.mtu !== this.table.mtu(port.live)) {
      heap[ifRecord(port.live.index) + If.MTU] = now.mtu;
      heap[record + HostDevice.FRAME_MAX] = now.mtu + ETHERNET_HEADER;
    }
    this.setCarrier(port, now.up && now.carrier);
    if (handle.outgrown(now)) this.restart(port);
  }

  /** The link is gone. */
  private lose(port: Attached): void {
    this.log.warn({ event: 'link-lost', interface: port.live.name }, 'the link of an attached interface is gone');
    this.stop(port);
    port.live.media = '';
    this.setCarrier(port, false);
  }

  /** A link of that name is there again. */
  private find(port: Attached, link: LinkInfo): void {
    const { live } = port;
    // What was refused is tried again once a second.
    if (port.why !== '' && this.looks % LOOKS_A_SECOND !== 0) return;
    try {
      if (live.spec.mtu !== 0 && live.spec.mtu !== link.mtu) setLinkMtu(live.name, live.spec.mtu);
      if (live.spec.up) setLinkUp(live.name, true);
      port.link = linkToAttach(live.name);
      this.start(port);
    } catch (error) {
      const why = (error as Error).message;
      if (why !== port.why)
        this.log.warn({ event: 'link-refused', interface: live.name, err: error }, 'could not attach it again');
      port.why = why;
      return;
    }
    port.why = '';
    this.listen(port);
    this.table.setFlags(live, live.spec);
    this.log.info({ event: 'link-found', interface: live.name }, 'an attached interface is back');
  }

  /** Opens the device and publishes its record. */
  private start(port: Attached, given?: GivenLink): void {
    const { live, link } = port;
    const { heap } = this.memory.views;
    const handle = port.open(live, link, this.workers(), given);
    let record: number;
    try {
      record = this.memory.heap.allocate(hostDeviceWords(handle.queues.length));
    } catch (error) {
      handle.close();
      throw error;
    }
    heap[record + HostDevice.KIND] = RecordKind.HOST_DEVICE;
    heap[record + HostDevice.SERIAL] = ++this.serial;
    heap[record + HostDevice.QUEUES] = handle.queues.length;
    heap[record + HostDevice.FRAME_MAX] = link.mtu + ETHERNET_HEADER;
    heap[record + HostDevice.IFINDEX] = link.index;
    (handle.offsets ?? []).forEach((offset, n) => {
      heap[record + HostDevice.OFFSETS + n] = offset;
    });
    heap.fill(-1, record + HostDevice.SENDER, record + HostDevice.SENDER + MAX_WORKERS);
    handle.senders.forEach((queue, worker) => {
      heap[record + HostDevice.SENDER + worker] = queue;
    });
    for (const [n, queue] of handle.queues.entries()) this.fillQueue(queueBlock(record, n), queue, handle.copies);
    heap[ifRecord(live.index) + If.MTU] = link.mtu;
    live.carrier = link.up && link.carrier;
    live.media = handle.media;
    port.device = { handle, record };
    Atomics.store(heap, ifRecord(live.index) + If.DEVICE, record);
    Atomics.store(heap, Control.HOST_DEVICES, this.serial);
  }

  private fillQueue(block: number, { owner, fd, rings, places }: HostQueue, copies: boolean): void {
    const { heap } = this.memory.views;
    storePlaces(heap, block, places ?? []);
    heap[block + Queue.OWNER] = owner;
    heap[block + Queue.FD] = fd;
    heap[block + Queue.COPIES] = copies ? 1 : 0;
    rings.forEach((address, n) => {
      storeAddress(heap, block + Queue.RING0 + 2 * n, address);
    });
  }

  /** Takes the device from the workers and closes it after a grace period. */
  private stop(port: Attached): void {
    const { device, live } = port;
    if (device === undefined) return;
    this.countMissed(port);
    this.deafen(port);
    const lane = laneOf(this.memory.me, live.index);
    this.memory.views.counters[lane + Lane.LINK_LOST] += 1;
    Atomics.store(this.memory.views.heap, ifRecord(live.index) + If.DEVICE, 0);
    port.device = undefined;
    this.reclaimer.retire(0, () => this.end(device));
  }

  /** The same link, opened anew. */
  private restart(port: Attached): void {
    this.stop(port);
    // What is closed must be closed before it is opened again: a queue has one socket.
    this.reclaimer.retire(0, () => {
      if (this.ports.get(port.live) === port && port.device === undefined) this.look(port);
    });
  }

  /** Frees what a device had; the grace period is over. */
  private end({ handle, record }: { readonly handle: HostHandle; readonly record: number }): void {
    handle.close();
    this.memory.heap.release(record, hostDeviceWords(handle.queues.length));
  }

  /** `detach`, after the grace period: the link is as it was found. */
  private release(port: Attached): void {
    if (port.device !== undefined) this.end(port.device);
    port.device = undefined;
    if (this.left) return;
    try {
      if (port.found.up) setLinkUp(port.live.name, true);
    } catch {
      // The link went at this moment; there is nothing to give back.
    }
  }

  private listen({ live, device }: Attached): void {
    const { heap } = this.memory.views;
    if (device === undefined) return;
    device.handle.queues.forEach(({ owner, fd }, n) => {
      epollWatch(heap[threadBlock(owner) + Thread.EPOLL], fd, live.index | (n << 16), live.generation);
    });
    device.handle.listen();
  }

  private deafen({ device }: Attached): void {
    const { heap } = this.memory.views;
    for (const { owner, fd } of device?.handle.queues ?? []) epollDel(heap[threadBlock(owner) + Thread.EPOLL], fd);
  }

  private countMissed({ live, device }: Attached): void {
    if (device === undefined) return;
    this.memory.views.counters[laneOf(this.memory.me, live.index) + Lane.MISSED] += device.handle.missed();
  }

  private setCarrier({ live }: Attached, carrier: boolean): void {
    if (live.carrier === carrier) return;
    live.carrier = carrier;
    this.table.setFlags(live, live.spec);
  }

  /** Workers that live, those with the fewest queues first. */
  private workers(): number[] {
    const living = Array.from({ length: this.memory.workers }, (_, w) => w).filter((w) => !this.without.has(w));
    const queues = living.map((w) => this.queuesOf(w).length);
    return living
      .map((w, n) => ({ w, queues: queues[n] as number }))
      .sort((a, b) => a.queues - b.queues || a.w - b.w)
      .map(({ w }) => w);
  }
}

/** The link of that name. Throws ENXIO when there is none, EPROTONOSUPPORT when it is not Ethernet. */
function linkToAttach(name: string): LinkInfo {
  const link = linkByName(name);
  if (link === undefined)
    throw new ControlError('ENXIO', `${name}: the host has no such interface; \`ip link\` lists them`);
  if (!link.ethernet) throw new ControlError('EPROTONOSUPPORT', `${name}: not an Ethernet interface`);
  return link;
}
