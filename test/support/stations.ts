/**
 * Flows of numbered frames between memory ports of a running router: each frame says which flow it is of and its number, so
 * that a loss, a double or a change of order on a port is seen.
 */
import assert from 'node:assert/strict';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import type { Router } from '../../src/main/router.js';
import type { RegionSizes } from '../../src/shared/layout/regions.js';

/** Ethernet header, then the flow and the number of the frame. */
const FLOW = 14;
const NUMBER = 16;
const LENGTH = 64;
const ETHERTYPE = [0x88, 0xb5];

/** Regions of a few megabytes, enough for some dozen ports. */
export function smallSizes(threads: number): RegionSizes {
  return {
    frames: 4096 * threads,
    superframes: 16 * threads,
    heapBytes: 64 << 20,
    ringBytes: 16 << 20,
    captureBytes: 256 << 10,
    threads,
  };
}

/** The address of the station on untouched port `n`. */
export function stationMac(n: number): number[] {
  return [2, 0, 0, 0, 0, n + 1];
}

/** A flow from one port to another. */
export interface Flow {
  readonly from: number;
  readonly to: number;
  sent: number;
  received: number;
}

export class Stations {
  readonly flows: Flow[];
  private readonly hosts: MemoryHost[];

  /** Stations on `ports`, and a flow for each pair of places in it. */
  constructor(router: Router, ports: readonly string[], pairs: readonly (readonly [number, number])[]) {
    this.hosts = ports.map((port) => new MemoryHost(router.memory, router.table.get(port)));
    this.flows = pairs.map(([from, to]) => ({ from, to, sent: 0, received: 0 }));
  }

  /** Frames on their way. */
  get flying(): number {
    return this.flows.reduce((sum, flow) => sum + flow.sent - flow.received, 0);
  }

  /** Sends on each flow until `most` of its frames are on their way. */
  send(most: number): void {
    this.flows.forEach((flow, id) => {
      while (flow.sent - flow.received < most) {
        const bytes = new Uint8Array(LENGTH);
        bytes.set([...stationMac(flow.to), ...stationMac(flow.from), ...ETHERTYPE]);
        const view = new DataView(bytes.buffer);
        view.setUint16(FLOW, id);
        view.setUint32(NUMBER, flow.sent);
        if (!(this.hosts[flow.from] as MemoryHost).send(bytes)) return;
        flow.sent++;
      }
    });
  }

  /** Takes what arrived and asserts that each flow's next frame is the next number. Floods to others are thrown away. */
  receive(): void {
    this.hosts.forEach((host, port) => {
      for (const { bytes } of host.receive()) {
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        const id = view.getUint16(FLOW);
        const flow = this.flows[id] as Flow;
        if (flow.to !== port) continue;
        assert.equal(bytes.length, LENGTH);
        assert.equal(view.getUint32(NUMBER), flow.received, `flow ${id}: the next frame on its port`);
        flow.received++;
      }
    });
  }
}
