/**
 * A router with two worker threads and memory ports, driven by the words an operator types: exact bytes, exact counters, and a
 * wait until nothing moves.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from '../../src/main/cli/command.js';
import { splitWords } from '../../src/main/config/lines.js';
import type { Live } from '../../src/main/control/interface-table.js';
import { type HostFrame, MemoryHost, type VnetWords } from '../../src/main/memory/memory-host.js';
import { Router } from '../../src/main/router.js';
import { total } from '../../src/shared/counter/books.js';
import type { Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { If, IfType, ifRecord } from '../../src/shared/layout/heap.js';
import { ringOccupancy } from '../../src/shared/ring/ring.js';
import { usable } from './usable.js';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const QUIET_MS = 10_000;
/** Looks that must agree before nothing is taken to move. */
const SAME_LOOKS = 3;

export class LiveRouter {
  readonly router: Router;
  private readonly hosts = new Map<string, { readonly live: Live; readonly host: MemoryHost }>();

  private constructor(router: Router) {
    this.router = router;
  }

  /** A router configured by `lines`, with what its interfaces announce sent and forgotten. */
  static async start(...lines: string[]): Promise<LiveRouter> {
    const router = await Router.start({ workers: 2, kernelTaps: false, poison: true, log: quiet });
    const live = new LiveRouter(router);
    await live.run(...lines);
    return live;
  }

  /** Runs commands one after the other. Returns what the last one printed. Rejects with ControlError. */
  async words(...lines: string[]): Promise<string> {
    let printed = '';
    for (const line of lines) {
      printed = await runCommand(this.router, splitWords(line), false, { reload: async () => {}, shutdown: () => {} });
    }
    return printed;
  }

  /** The same; then waits until nothing moves, and forgets what hosts have received. */
  async run(...lines: string[]): Promise<void> {
    await this.words(...lines);
    await this.settle();
    for (const { name } of this.memoryPorts()) this.host(name).receive();
  }

  /** The values a query prints. */
  async json<T>(line: string): Promise<T> {
    const daemon = { reload: async () => {}, shutdown: () => {} };
    return JSON.parse(await runCommand(this.router, splitWords(line), true, daemon)) as T;
  }

  /** The host on a memory port; a new one where the port has been made anew. */
  host(port: string): MemoryHost {
    const live = this.router.table.get(port);
    let known = this.hosts.get(port);
    if (known?.live !== live) {
      known = { live, host: new MemoryHost(this.router.memory, live) };
      this.hosts.set(port, known);
    }
    return known.host;
  }

  /** Sends frames into a port, and waits until nothing moves. */
  async send(port: string, ...frames: readonly Uint8Array[]): Promise<void> {
    for (const bytes of frames) assert.ok(this.host(port).send(bytes), `${port} took no frame`);
    await this.settle();
  }

  /** The same of one frame with offloads. */
  async sendSuper(port: string, bytes: Uint8Array, vnet: VnetWords): Promise<void> {
    assert.ok(this.host(port).send(bytes, vnet));
    await this.settle();
  }

  /** What a port's host has received since last asked, but for frames to groups: announcements come when they like. */
  received(port: string): HostFrame[] {
    return this.all(port).filter(({ bytes }) => ((bytes[0] as number) & 1) === 0);
  }

  /** The same with frames to groups. */
  all(port: string): HostFrame[] {
    return this.host(port).receive();
  }

  counter(name: string, word: Lane): number {
    return total(this.router.memory.views, this.router.table.get(name).index, word);
  }

  drops(name: string, reason: Drop): number {
    return this.counter(name, Lane.DROPS + reason);
  }

  /** Resolves when duplicate address detection has let all addresses through, and nothing moves. */
  async usable(): Promise<void> {
    await usable(this.router);
    await this.settle();
  }

  /** Resolves when nothing moves: no ring to a worker holds frames, the books balance, and looking again finds the same. */
  async settle(): Promise<void> {
    const { router } = this;
    const { heap, rings } = router.memory.views;
    let last = '';
    let same = 0;
    for (const end = performance.now() + QUIET_MS; performance.now() < end; await sleep(3)) {
      await router.grace();
      const books = router.books();
      const waiting = this.memoryPorts().some((p) => ringOccupancy(rings, heap[ifRecord(p.index) + If.RX_RING]) !== 0);
      const look = JSON.stringify(books);
      const moves = waiting || books.totals.held !== router.stack.held;
      same = look === last && !moves && books.errors.length === 0 ? same + 1 : 0;
      last = look;
      if (same >= SAME_LOOKS) return;
    }
    assert.fail(`not quiet: ${last}`);
  }

  /** Asserts that the books balance, and stops. */
  async stop(): Promise<void> {
    await this.settle();
    assert.deepEqual(this.router.books().errors, []);
    await this.router.stop();
  }

  private memoryPorts(): Live[] {
    const { heap } = this.router.memory.views;
    return this.router.table.all().filter(({ index }) => heap[ifRecord(index) + If.TYPE] === IfType.MEMORY);
  }
}
