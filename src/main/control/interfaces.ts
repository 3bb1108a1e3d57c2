/**
 * Runs the steps of a plan against live interfaces.
 */
import { Control, IdlePolicy, If, ifRecord, Look, Offload } from '../../shared/layout/heap.js';
import type { Reclaimer } from '../../shared/smr/reclaimer.js';
import { checkNetns } from '../../shared/sys/link.js';
import { type Mac, parseMac } from '../../shared/wire/ethernet.js';
import { addressWords } from '../config/address.js';
import { allAddresses, isLinkLocal } from '../config/link-local.js';
import type { Step } from '../config/plan.js';
import type { InterfaceSpec } from '../config/state.js';
import type { Memory } from '../memory/memory.js';
import type { CaptureLogger } from './capture-logger.js';
import { publishHmacKeys } from './hmac-keys.js';
import { type HostLog, HostPorts, type OpenHost } from './host-port.js';
import type { InterfaceTable, Live } from './interface-table.js';
import { randomMac } from './lladdr.js';
import { MemoryPorts } from './memory-port.js';
import { openPacketPort } from './packet-port.js';
import type { GivenLink } from './passed-link.js';
import { PolicyRuleRecords } from './policy-rules.js';
import { Routing } from './routing.js';
import { Scheduling } from './scheduling.js';
import { applySrv6Settings } from './srv6.js';
import { publishSrv6Domain } from './srv6-domain.js';
import { giveUpTap, openTapPort, type PassedTap, setTapAttributes, unwatchTap, watchTap } from './tap.js';
import { Tunnels } from './tunnels.js';
import { GRACE_DEADLINE_MS, type Vebs } from './veb.js';
import { openXdpPort } from './xdp-port.js';

/** Heap number of each idle policy. */
export const IDLE_POLICY = { sleep: IdlePolicy.SLEEP, adaptive: IdlePolicy.ADAPTIVE, spin: IdlePolicy.SPIN };

/** What the kinds of interface differ in, handed over when one is made. */
interface Kind {
  /** The address it has when none is given; random unless it says. */
  lladdr?(name: string): string;
  open(live: Live): void;
  /** After the record is published. */
  watch(live: Live): void;
  /** Before it is unpublished. */
  unwatch(live: Live): void;
  attributes(live: Live, before: InterfaceSpec, after: InterfaceSpec): void;
}

/** What another process had, by name of the interface. */
export interface Given {
  readonly taps: ReadonlyMap<string, PassedTap>;
  readonly links: ReadonlyMap<string, GivenLink>;
  /** Link-layer addresses that were generated. */
  readonly lladdrs: Readonly<Record<string, string>>;
  /** Whether workers hear of no device before `watchHeld`: what waits in its queues would be dropped while it is in no bridge yet. */
  readonly hold?: boolean;
}

const NOTHING_GIVEN: Given = { taps: new Map(), links: new Map(), lladdrs: {} };

export class Interfaces {
  private readonly memory: Memory;
  private readonly table: InterfaceTable;
  private readonly reclaimer: Reclaimer;
  private readonly vebs: Vebs;
  readonly routing: Routing;
  private readonly rules: PolicyRuleRecords;
  private readonly onGone: (live: Live) => void;
  readonly scheduling: Scheduling;
  /** Attached interfaces of the host. */
  readonly hosts: HostPorts;
  private readonly given: Given;
  /** TAPs made so far: the second of a name is a new one. */
  private readonly taken = new Set<string>();
  /** Interfaces made that nobody hears of yet; undefined once those made are heard of at once. */
  private held: Live[] | undefined;
  private readonly kinds: Record<InterfaceSpec['type'], Kind>;
  readonly tunnels: Tunnels;
  /** Ends a capture to a file, and begins one (capture-logger.ts). */
  changeCapture: CaptureLogger['change'] = async () => {};

  /** `kernelTaps` false makes TAPs memory ports of the same names; `onGone` hears of an interface that has left the table. */
  constructor(
    memory: Memory,
    table: InterfaceTable,
    reclaimer: Reclaimer,
    vebs: Vebs,
    kernelTaps: boolean,
    onGone: (live: Live) => void = () => {},
    log: HostLog = { warn: () => {}, info: () => {} },
    given: Given = NOTHING_GIVEN,
  ) {
    this.given = given;
    this.held = given.hold === true ? [] : undefined;
    this.memory = memory;
    this.table = table;
    this.reclaimer = reclaimer;
    this.vebs = vebs;
    this.onGone = onGone;
    this.scheduling = new Scheduling(memory);
    this.routing = new Routing(memory, table, reclaimer);
    this.rules = new PolicyRuleRecords(memory, reclaimer);
    const ports = new MemoryPorts(memory, reclaimer);
    const nothing = (): void => {};
    this.tunnels = new Tunnels(memory, reclaimer);
    const mem: Kind = {
      open: (live) => ports.open(live),
      watch: (live) => ports.watch(live),
      unwatch: (live) => ports.unwatch(live),
      attributes: nothing,
    };
    const tap: Kind = {
      open: (live) => openTapPort(memory, live, this.takeTap(live.name)),
      watch: (live) => watchTap(memory, live),
      unwatch: (live) => unwatchTap(memory, live),
      attributes: setTapAttributes,
    };
    const veb: Kind = {
      open: (live) => vebs.open(live),
      watch: nothing,
      unwatch: nothing,
      attributes: (live, before, after) => {
        if (after.up && !before.up) vebs.startAgeing(live);
      },
    };
    this.hosts = new HostPorts(memory, table, reclaimer, log);
    const { hosts } = this;
    const host = (open: OpenHost): Kind => ({
      lladdr: (name) => hosts.lladdr(name),
      open: (live) => hosts.open(live, open, given.links.get(live.name)),
      watch: (live) => hosts.watch(live),
      unwatch: (live) => hosts.unwatch(live),
      attributes: (live, before, after) => hosts.attributes(live, before, after),
    });
    const packet = host(openPacketPort);
    const xdp = host(openXdpPort(memory));
    // A virtual interface is its record and nothing else.
    const virtual: Kind = { open: nothing, watch: nothing, unwatch: nothing, attributes: nothing };
    const tunnels = this.tunnels;
    const erspan: Kind = {
      open: (live) => tunnels.open(live),
      watch: nothing,
      unwatch: nothing,
      attributes: (live, _, after) => tunnels.apply(live, after),
    };
    this.kinds = {
      ...{ veb, mem, tap: kernelTaps ? tap : mem, erspan, packet, xdp },
      ...{ vport: virtual, rport: virtual, lo: virtual, vrf: virtual },
    };
    table.memoryTaps = !kernelTaps;
  }

  /** Worker `worker` will not come back: what the kernel has for it goes to the others. */
  giveUp(worker: number): void {
    this.memory.givenUp.add(worker);
    this.hosts.giveUp(worker);
    for (const live of this.table.all()) if (live.type === 'tap' && !this.table.memoryTaps) giveUpTap(live, worker);
  }

  /** Throws what can be known to fail before anything has changed: namespaces that are not there. */
  check(steps: readonly Step[]): void {
    for (const step of steps) {
      if (step.op === 'attributes' && step.after.netns !== step.before.netns && step.after.netns !== '') {
        checkNetns(step.after.netns);
      }
    }
  }

  /** Runs one step. Rejects with the error of what failed; that step has then changed nothing. */
  async run(step: Step): Promise<void> {
    switch (step.op) {
      case 'create':
        return this.create(step.spec);
      case 'destroy':
        return this.destroy(step.spec);
      case 'ports':
        return this.vebs.setPorts(this.table.get(step.veb), step.before, step.after);
      case 'spans':
        return this.vebs.setSpans(this.table.get(step.veb), step.before, step.after);
      case 'table':
        return this.vebs.setTable(this.table.get(step.veb), step.after);
      case 'statics':
        return this.vebs.setStatics(this.table.get(step.veb), step.before, step.after);
      case 'settings':
        this.scheduling.set(step.after);
        this.memory.views.heap[Control.IDLE] = IDLE_POLICY[step.after['smrouter.idle']];
        this.memory.views.heap[Control.COALESCE] = step.after['smrouter.coalesce'];
        this.memory.views.heap[Control.GRE] = step.after['net.inet.gre.allow'];
        this.memory.views.heap[Control.MIRRORS] = step.after['smrouter.mirrors'];
        this.memory.views.heap[Control.FORWARD4] = step.after['net.inet.ip.forwarding'];
        this.memory.views.heap[Control.FORWARD6] = step.after['net.inet6.ip6.forwarding'];
        applySrv6Settings(this.memory.views.heap, step.after);
        return publishSrv6Domain(this.memory, this.reclaimer, step.after);
      case 'hmacs':
        return publishHmacKeys(this.memory, this.reclaimer, step.after);
      case 'routes':
        return this.routing.apply(step.before, step.after);
      case 'rules':
        return this.rules.set(step.after);
      case 'peers':
        return this.setPeers(step.before, step.after);
      case 'attributes':
        return this.attributes(step.before, step.after);
      case 'capture':
        return this.changeCapture(step.before, step.after);
    }
  }

  /** The TAP of that name that another process had, once. */
  private takeTap(name: string): PassedTap | undefined {
    const tap = this.taken.has(name) ? undefined : this.given.taps.get(name);
    this.taken.add(name);
    return tap;
  }

  private create(spec: InterfaceSpec): void {
    const kind = this.kinds[spec.type];
    const given = Object.hasOwn(this.given.lladdrs, spec.name) ? this.given.lladdrs[spec.name] : undefined;
    const live = this.table.reserve(spec, kind.lladdr?.(spec.name) ?? given ?? randomMac());
    try {
      kind.open(live);
    } catch (error) {
      live.close();
      this.table.release(live);
      throw error;
    }
    this.setInet(live, spec);
    this.table.publish(live);
    if (this.held === undefined) kind.watch(live);
    else this.held.push(live);
  }

  /** Lets workers hear of all that was held back. */
  watchHeld(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const live of held) if (this.table.find(live.name) === live) this.kinds[live.type].watch(live);
  }

  private async destroy(spec: InterfaceSpec): Promise<void> {
    const live = this.table.get(spec.name);
    this.kinds[live.type].unwatch(live);
    this.table.unpublish(live);
    this.onGone(live);
    await this.reclaimer.barrier(GRACE_DEADLINE_MS, () => {
      live.close();
      this.table.release(live);
    });
  }

  /** Pairs rports, and parts those that are not pairs any more. Both ends of a pair point at each other. */
  private setPeers(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): void {
    const { heap } = this.memory.views;
    for (const name of before.keys()) {
      const live = this.table.find(name);
      if (live !== undefined && !after.has(name)) Atomics.store(heap, ifRecord(live.index) + If.PEER, 0);
    }
    for (const [name, peer] of after) {
      const other = this.table.get(peer);
      const word = other.index | (other.generation << 16);
      Atomics.store(heap, ifRecord(this.table.get(name).index) + If.PEER, word);
    }
  }

  /** What the IP input looks at: domain, link-layer address, whether there is a stack at all. */
  private setInet(live: Live, spec: InterfaceSpec): void {
    const { heap } = this.memory.views;
    const record = ifRecord(live.index);
    const mac = parseMac(live.lladdr) as Mac;
    const vrf = spec.master === '' ? undefined : this.table.find(spec.master);
    heap[record + If.RDOMAIN] = spec.rdomain;
    heap[record + If.MASTER] = vrf === undefined ? 0 : vrf.index | (vrf.generation << 16);
    heap[record + If.SEG6_HMAC] = spec.seg6RequireHmac;
    heap[record + If.SEG6_ENABLED] = Number(spec.seg6Enabled);
    heap[record + If.LOOKS] =
      (spec.seg6Edge ? Look.SEG6_EDGE : 0) | (spec.proxyarp ? Look.PROXY_ARP : 0) | (spec.proxynd ? Look.PROXY_ND : 0);
    const linkLocal = allAddresses(spec, live.lladdr).find(({ address }) => isLinkLocal(address));
    heap.set(linkLocal === undefined ? [0, 0, 0, 0] : addressWords(linkLocal.address), record + If.LINK_LOCAL);
    heap[record + If.LLADDR_HI] = mac.hi;
    heap[record + If.LLADDR_LO] = mac.lo;
    Atomics.store(heap, record + If.INET, spec.addresses.length > 0 ? 1 : 0);
  }

  private attributes(before: InterfaceSpec, after: InterfaceSpec): void {
    const live = this.table.get(after.name);
    this.kinds[live.type].attributes(live, before, after);
    live.lladdr = after.lladdr === '' ? live.generated : after.lladdr;
    // That of an attached interface is its link's.
    if (after.mtu !== 0) this.memory.views.heap[ifRecord(live.index) + If.MTU] = after.mtu;
    this.memory.views.heap[ifRecord(live.index) + If.OFFLOADS] = offloads(after);
    this.setInet(live, after);
    this.table.setFlags(live, after);
    live.spec = after;
  }
}

/** What the device is given as it is: segments have whole checksums, so there is no segmentation without them. */
function offloads(spec: InterfaceSpec): Offload {
  // AF_XDP has a place for neither, and a tunnel carries whole frames.
  if (spec.type === 'xdp' || spec.type === 'erspan' || !spec.txcsum) return Offload.NONE;
  return spec.tso ? Offload.ALL : Offload.CHECKSUM;
}
