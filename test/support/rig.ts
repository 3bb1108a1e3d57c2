/**
 * A bridge on memory ports in this thread: frames in, one turn of the worker's loop, frames out. Exact bytes, exact counters.
 */

import assert from 'node:assert/strict';
import type { Live } from '../../src/main/control/interface-table.js';
import { type DeviceFrame, type HostFrame, MemoryHost, type VnetWords } from '../../src/main/memory/memory-host.js';
import { total } from '../../src/shared/counter/books.js';
import type { Drop } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { formatMac, type Mac, parseMac } from '../../src/shared/wire/ethernet.js';
import { OfflineRouter } from './offline-router.js';

/** Stations of the conformance matrix. */
export const A = '02:00:00:00:00:0a';
export const B = '02:00:00:00:00:0b';
export const C = '02:00:00:00:00:0c';
export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
export const MULTICAST = '01:00:5e:00:00:01';

/** The six bytes of an address. */
export function macBytes(text: string): number[] {
  const mac = parseMac(text) as Mac;
  return formatMac(mac)
    .split(':')
    .map((group) => Number.parseInt(group, 16));
}

/** A frame of 60 bytes or more: addresses, ethertype (0x88b5 unless given), and a payload that tells it from others. */
export function frame(dst: string, src: string, { type = 0x88b5, mark = 0, length = 60 } = {}): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set([...macBytes(dst), ...macBytes(src), type >> 8, type & 255, mark & 255]);
  for (let i = 15; i < length; i++) bytes[i] = (i * 7 + mark) & 255;
  return bytes;
}

export class Rig {
  readonly router: OfflineRouter;
  private readonly hosts = new Map<string, { readonly live: Live; readonly host: MemoryHost }>();

  private constructor(router: OfflineRouter) {
    this.router = router;
  }

  /** veb0 with ports mem0 … mem<ports-1>, all up; further `lines` of ifconfig words follow. */
  static async bridge(ports: number, ...lines: string[]): Promise<Rig> {
    const rig = new Rig(new OfflineRouter());
    const names = Array.from({ length: ports }, (_, n) => `mem${n}`);
    await rig.ifconfig(...names.map((name) => `${name} create up`), 'veb0 create up');
    if (ports > 0) await rig.ifconfig(`veb0 ${names.map((name) => `add ${name}`).join(' ')}`);
    if (lines.length > 0) await rig.ifconfig(...lines);
    return rig;
  }

  /** Applies ifconfig words. */
  ifconfig(...lines: string[]): Promise<void> {
    return this.router.ifconfig(...lines);
  }

  /** The host on a port; a new one where the port has been made anew. */
  host(port: string): MemoryHost {
    const live = this.router.table.get(port);
    let known = this.hosts.get(port);
    if (known?.live !== live) {
      known = { live, host: new MemoryHost(this.router.memory, live) };
      this.hosts.set(port, known);
    }
    return known.host;
  }

  /** Sends frames into a port and runs the worker until nothing moves. */
  send(port: string, bytes: Uint8Array, vnet?: VnetWords): void {
    if (!this.host(port).send(bytes, vnet)) throw new Error(`${port} did not take the frame`);
    this.run();
  }

  /** Puts frames into a port in one go, so that they are one burst (of up to 64), and runs the worker. */
  burst(port: string, frames: readonly Uint8Array[]): void {
    for (const bytes of frames) if (!this.host(port).send(bytes)) throw new Error(`${port} did not take a frame`);
    this.run();
  }

  /** Runs the worker until nothing moves. */
  run(): void {
    while (this.router.loop.pollMemoryPorts() !== 0);
  }

  /** Ends a burst that a test has taken through steps of its own: nothing may wait in it. */
  endBurst(): void {
    const { ctx } = this.router;
    assert.equal(ctx.egresses, 0, 'frames wait for an egress');
    for (let i = 0; i < ctx.n; i++) ctx.cache.give(ctx.slots[i]);
    ctx.slots.fill(-1, 0, ctx.n);
    ctx.n = 0;
    ctx.cache.flush();
  }

  /** What a port's host has received since last asked. */
  received(port: string): HostFrame[] {
    return this.host(port).receive();
  }

  /** The same as plain bytes and offloads. */
  frames(port: string): DeviceFrame[] {
    return this.received(port).map(({ bytes, vnet }) => ({ bytes, vnet }));
  }

  /** How many frames each of the ports' hosts has received since last asked. */
  counts(...ports: string[]): number[] {
    return ports.map((port) => this.received(port).length);
  }

  /** A counter of an interface. */
  counter(name: string, word: Lane): number {
    return total(this.router.memory.views, this.router.table.get(name).index, word);
  }

  /** Drops of an interface for one reason. */
  drops(name: string, reason: Drop): number {
    return this.counter(name, Lane.DROPS + reason);
  }

  /** Addresses of veb0 as listed: `mac port`. */
  addresses(): string[] {
    return this.router.vebs.list(this.router.table.get('veb0')).map((a) => `${a.mac} ${a.port}`);
  }

  /** Moves the worker's clock to second `now`. */
  at(now: number): void {
    this.router.ctx.seconds = now;
  }

  /** Errors of the books: none when they balance. */
  bookErrors(): readonly string[] {
    return this.router.books().errors;
  }
}
