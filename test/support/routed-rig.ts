/**
 * A router of two workers with poisoned memory, and the hosts of its memory ports: IP frames in, and what comes out once nothing
 * moves any more. Exact bytes, exact counters, and the books.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from '../../src/main/cli/command.js';
import { addressWords } from '../../src/main/config/address.js';
import { splitWords } from '../../src/main/config/lines.js';
import type { Live } from '../../src/main/control/interface-table.js';
import { MemoryHost, type VnetWords } from '../../src/main/memory/memory-host.js';
import { Router } from '../../src/main/router.js';
import { drops } from '../../src/shared/counter/books.js';
import { DROP_REASONS } from '../../src/shared/counter/drop-reason.js';
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { ringOccupancy } from '../../src/shared/ring/ring.js';
import { macBytes } from './rig.js';
import { UNPROBED, usable } from './usable.js';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
/** Nothing may still move after so long. */
const SETTLE_MS = 10_000;

export class RoutedRig {
  readonly router: Router;
  private readonly hosts = new Map<Live, MemoryHost>();
  private readonly waiting = new Map<string, Uint8Array[]>();

  private constructor(router: Router) {
    this.router = router;
  }

  /** A router of which `lines` of commands are the configuration, and whose addresses can be used at once unless they say otherwise. */
  static async start(lines: readonly string[], workers = 2): Promise<RoutedRig> {
    const rig = new RoutedRig(await Router.start({ workers, kernelTaps: false, poison: true, log: quiet }));
    await rig.command(UNPROBED, ...lines);
    await rig.usable();
    await rig.settle();
    return rig;
  }

  /** Runs commands, one after another. Resolves to what the last one printed. */
  async command(...lines: string[]): Promise<string> {
    let output = '';
    for (const line of lines) {
      const daemon = { reload: async () => {}, shutdown: () => {} };
      output = await runCommand(this.router, splitWords(line), false, daemon);
    }
    return output;
  }

  /** Resolves when duplicate address detection has let all addresses through. */
  usable(): Promise<void> {
    return usable(this.router);
  }

  /** Our link-layer address on a port. */
  lladdr(port: string): Uint8Array {
    return Uint8Array.from(macBytes(this.router.table.get(port).lladdr));
  }

  /** Makes a neighbour known that need not be asked. */
  neighbour(port: string, address: string, lladdr: Uint8Array): void {
    this.router.stack.addStatic(this.router.table.get(port).index, addressWords(address), lladdr);
  }

  /** Sends frames into a port without a wait. */
  push(port: string, ...frames: readonly Uint8Array[]): void {
    for (const bytes of frames) assert.ok(this.host(port).send(bytes), `${port} did not take a frame`);
  }

  /** Sends a frame into a port without a wait; false if its queue is full. */
  offer(port: string, bytes: Uint8Array): boolean {
    return this.host(port).send(bytes);
  }

  /** The worker that a port's queues belong to. */
  owner(port: string): number {
    return this.router.memory.views.heap[ifRecord(this.router.table.get(port).index) + If.OWNER];
  }

  /** Sends one frame with these virtio-net words into a port and waits until nothing moves. */
  async sendOffloaded(port: string, bytes: Uint8Array, vnet: VnetWords): Promise<void> {
    assert.ok(this.host(port).send(bytes, vnet), `${port} did not take a frame`);
    await this.settle();
  }

  /** Sends frames into a port and waits until nothing moves. */
  async send(port: string, ...frames: readonly Uint8Array[]): Promise<void> {
    this.push(port, ...frames);
    await this.settle();
  }

  /** Waits until every frame has been dealt with, but for those that wait for a neighbour or for other fragments. */
  async settle(): Promise<void> {
    const until = performance.now() + SETTLE_MS;
    let still = 0;
    let before = '';
    while (still < 3) {
      await sleep(2);
      await this.router.grace();
      for (const live of this.router.table.all()) if (live.type === 'mem') this.collect(live.name);
      const { totals, errors } = this.router.books();
      const now = JSON.stringify(totals);
      still =
        !this.unread() && errors.length === 0 && totals.held === this.router.stack.held && now === before
          ? still + 1
          : 0;
      before = now;
      if (performance.now() > until) assert.fail(`frames still move: ${errors.join('; ')} ${now}`);
    }
  }

  /** Whether a worker has yet to take frames from a port: a busy machine may let it wait. */
  private unread(): boolean {
    const { heap, rings } = this.router.memory.views;
    const ports = this.router.table.all().filter((live) => live.type === 'mem');
    return ports.some(({ index }) => ringOccupancy(rings, heap[ifRecord(index) + If.RX_RING]) !== 0);
  }

  /** IP frames that a port has sent since last asked, without neighbour discovery. */
  take(port: string): Uint8Array[] {
    return this.all(port).filter((bytes) => !isArp(bytes) && !isNd(bytes));
  }

  /** All frames that a port has sent since last asked. */
  all(port: string): Uint8Array[] {
    this.collect(port);
    return (this.waiting.get(port) ?? []).splice(0);
  }

  /** Forgets what ports have sent. */
  forget(): void {
    for (const live of this.router.table.all()) if (live.type === 'mem') this.all(live.name);
  }

  /** Drops of all interfaces by reason, those that are not 0. */
  drops(): Record<string, number> {
    const found: Record<string, number> = {};
    DROP_REASONS.forEach(({ name }, reason) => {
      const { views } = this.router.memory;
      const sum = this.router.table.all().reduce((n, live) => n + drops(views, live.index, reason), 0);
      if (sum > 0) found[name] = sum;
    });
    return found;
  }

  /** What `body` adds to the drops. */
  async dropsOf(body: () => Promise<void>): Promise<Record<string, number>> {
    const before = this.drops();
    await body();
    return Object.fromEntries(
      Object.entries(this.drops())
        .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
        .filter(([, count]) => count !== 0),
    );
  }

  /** Stops the router; the books must hold. */
  async stop(): Promise<void> {
    await this.settle();
    assert.deepEqual(this.router.books().errors, []);
    await this.router.stop();
  }

  private collect(port: string): void {
    const list = this.waiting.get(port) ?? [];
    this.waiting.set(port, list);
    list.push(
      ...this.host(port)
        .receive()
        .map((frame) => frame.bytes),
    );
  }

  private host(port: string): MemoryHost {
    const live = this.router.table.get(port);
    const host = this.hosts.get(live) ?? new MemoryHost(this.router.memory, live);
    this.hosts.set(live, host);
    return host;
  }
}

/** Whether a frame is ARP. */
export function isArp(bytes: Uint8Array): boolean {
  return bytes[12] === 8 && bytes[13] === 6;
}

/** Whether a frame is neighbour discovery, or a multicast listener report. */
export function isNd(bytes: Uint8Array): boolean {
  return bytes[12] === 0x86 && bytes[13] === 0xdd && bytes[20] === 58 && (bytes[54] ?? 0) >= 133;
}
