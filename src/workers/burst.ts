/**
 * The end of a burst: frames have waited for their outputs in lists, one for each egress interface; each list now goes to
 * its device in one call, and then every slot that nobody kept goes home.
 *
 * Frames keep their order on each egress, so no flow is reordered.
 */
import { Lane } from '../shared/layout/counters.js';
import { Control, If, IfType, ifRecord, Offload } from '../shared/layout/heap.js';
import { tapSent } from './capture/burst-taps.js';
import { BURST, type Context, count } from './context.js';
import type { Device } from './device/device.js';
import { flushHandOver, handOver } from './device/hand-over.js';
import { asksTooMuch, makeSegmenter } from './device/segment.js';
import { xdpSender } from './device/xdp.js';
import { flushPunts } from './punt.js';
import { Hop } from './work-list.js';

/** The devices of one worker, by kind. */
export interface Devices {
  readonly tap: Device;
  readonly memory: Device;
  readonly packet: Device;
  readonly xdp: Device;
}

/**
 * Where the list of frames that leave by interface `index` goes on in `ctx.egressList`. Whoever writes there says how many by
 * setting `ctx.egressCount[index]`.
 */
export function openList(ctx: Context, index: number): number {
  const waiting = ctx.egressCount[index];
  if (waiting === 0) ctx.egress[ctx.egresses++] = index;
  return index * BURST + waiting;
}

/** Adds frame `i` to those that leave by interface `index`, there with `tag`. */
export function queueFrame(ctx: Context, i: number, index: number, tag = 0): void {
  const at = openList(ctx, index);
  ctx.egressList[at] = i;
  ctx.egressTag[at] = tag;
  ctx.egressCount[index]++;
}

/** The device that drives interfaces of `type`; one that has left has none, and its descriptors are gone. */
export function deviceOf(devices: Devices, type: IfType): Device {
  switch (type) {
    case IfType.MEMORY:
      return devices.memory;
    case IfType.PACKET:
      return devices.packet;
    case IfType.XDP:
      return devices.xdp;
    default:
      return devices.tap;
  }
}

/** Sends what waits in the lists of interfaces. */
export interface Transmit {
  /** Gives the first `n` frames of the list of interface `index` to its device, or to the worker that owns the device's queue. */
  list(index: number, n: number): void;
  /** Gives them to `device`, cut and completed as far as the interface asks for. */
  by(device: Device, index: number, n: number): void;
}

/** Makes what sends lists, of one worker. */
export function makeTransmit(ctx: Context, devices: Devices): Transmit {
  const { heap, egressList, me } = ctx;
  const sendFixed = makeSegmenter(ctx);

  function list(index: number, n: number): void {
    const record = ifRecord(index);
    const type = heap[record + If.TYPE];
    if (type === IfType.VPORT) {
      for (let k = 0; k < n; k++) ctx.workList.defer(ctx, egressList[index * BURST + k], index, Hop.STACK_INPUT);
      return;
    }
    if (ctx.tracing) ctx.tracer.egress(index, egressList[index * BURST], ctx.tagged ? ctx.egressTag[index * BURST] : 0);
    const owner = ownerOf(record, type);
    if (owner !== me) {
      handOver(ctx, index, owner, n);
      return;
    }
    const captures = heap[record + If.CAPTURE];
    if (captures !== 0) tapSent(ctx, index, n, captures);
    by(deviceOf(devices, type), index, n);
  }

  function by(device: Device, index: number, n: number): void {
    const can = heap[ifRecord(index) + If.OFFLOADS];
    if ((can !== Offload.ALL || heap[Control.ENCAPS] !== 0) && ctx.offloads && asksTooMuch(ctx, index, n, can)) {
      sendFixed(device, index, n);
      return;
    }
    count(ctx, index, Lane.QUEUED, n);
    device.send(index, n);
  }

  /** The worker that sends by an interface: a TAP and a packet socket are any worker's. */
  function ownerOf(record: number, type: IfType): number {
    if (type === IfType.MEMORY) return heap[record + If.OWNER];
    return type === IfType.XDP ? xdpSender(heap, record, me) : me;
  }

  return { list, by };
}

/** Makes the end of a burst of one worker: sends everything that waits, then releases the slots that nobody kept. */
export function makeFinishBurst(ctx: Context, transmit: Transmit, erspan: Device): () => void {
  const { heap, slots, shared, cache, egress, egressList, egressCount } = ctx;

  function finishBurst(): void {
    let tunnels = 0;
    for (let e = 0; e < ctx.egresses; e++) {
      const index = egress[e];
      if (heap[ifRecord(index) + If.TYPE] === IfType.ERSPAN) {
        egress[tunnels++] = index;
        continue;
      }
      transmit.list(index, egressCount[index]);
      egressCount[index] = 0;
    }
    if (tunnels !== 0) sendToTunnels(tunnels);
    ctx.egresses = 0;
    flushHandOver(ctx);
    flushPunts(ctx);
    if (ctx.captured) ctx.taps.publish();
    releaseBurst();
  }

  /** Mirrored copies come after the originals, and the last of them is the frame itself. */
  function sendToTunnels(tunnels: number): void {
    flushHandOver(ctx);
    for (let e = 0; e < tunnels; e++) {
      const index = egress[e];
      const n = egressCount[index];
      if (ctx.anyShared && e === tunnels - 1) for (let k = 0; k < n; k++) shared[egressList[index * BURST + k]] = 0;
      transmit.by(erspan, index, n);
      egressCount[index] = 0;
    }
  }

  /** Slots that outputs did not keep: a TAP reads into them again, others go home. */
  function releaseBurst(): void {
    if (!ctx.borrowed) {
      for (let i = 0; i < ctx.n; i++) {
        const slot = slots[i];
        if (slot === -1) continue;
        cache.give(slot);
        slots[i] = -1;
      }
    }
    if (ctx.anyShared) shared.fill(0);
    ctx.anyShared = false;
    ctx.tagged = false;
    ctx.fromList = false;
    if (ctx.passed) ctx.hops.fill(0);
    ctx.passed = false;
    ctx.n = 0;
    ctx.burst = (ctx.burst + 1) | 0;
    cache.flush();
  }

  return finishBurst;
}
