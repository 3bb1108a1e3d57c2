/**
 * Hosts on two memory ports of a router without threads, whose packets it routes from one to the other: a /24 or a /48 behind each
 * of many neighbours. A frame that came out is made anew where it lies and sent again.
 */
import { If, ifRecord } from '../../src/shared/layout/heap.js';
import { Meta, Slot } from '../../src/shared/layout/packet.js';
import type { Views } from '../../src/shared/layout/regions.js';
import { RingConsumer, RingProducer } from '../../src/shared/ring/ring.js';
import { EtherType } from '../../src/shared/wire/ethernet.js';
import { writeIpv4 } from '../../src/shared/wire/ipv4.js';
import { writeIpv6 } from '../../src/shared/wire/ipv6.js';
import { Protocol } from '../../src/shared/wire/protocol.js';
import type { OfflineRouter } from './offline-router.js';

/** Frames that are put into each port's ring at once. */
const ROUND = 512;
const ETHER = 14;
/** Longest frame there is here. */
const FRAME_MOST = 80;
/** UDP, from port 4096 to 9. */
const UDP = [0x10, 0x00, 0x00, 0x09, 0x00, 0x1a, 0x00, 0x00];

/** One end of a port's rings, and the frames that wait to be put in it. */
interface Side {
  readonly toPort: RingProducer;
  readonly fromPort: RingConsumer;
  readonly waiting: Int32Array;
  length: number;
}

export class RoutedHosts {
  private readonly views: Views;
  private readonly sides: Side[];
  private readonly back = new Int32Array(ROUND);
  /** What each slot's frame was, side and bytes. */
  private readonly side: Int8Array;
  private readonly bytes: Uint8Array;
  private readonly place: Int32Array;

  /**
   * Two new ports `names` of `router`, up, with half of `neighbours` behind each; frames of either family, of 60 or 74 bytes, from
   * as many sources as neighbours.
   */
  static async on(
    router: OfflineRouter,
    names: [string, string],
    family: 4 | 6,
    neighbours: number,
  ): Promise<RoutedHosts> {
    const half = neighbours / 2;
    for (const [side, name] of names.entries()) {
      const address = family === 4 ? `inet 10.${side}.0.1/16` : `inet6 2001:db8:${side}::1/64`;
      await router.ifconfig(`${name} create lladdr 02:ff:00:00:00:0${side} ${address} up`);
    }
    const routes: string[] = [];
    for (const [side, name] of names.entries()) {
      for (let n = 0; n < half; n++) {
        const [network, gateway] =
          family === 4
            ? [`${20 + side}.${n >> 8}.${n & 255}.0/24`, `10.${side}.${1 + (n >> 8)}.${n & 255}`]
            : [`2001:db8:${(0x1000 * (1 + side) + n).toString(16)}::/48`, `2001:db8:${side}::1:${n.toString(16)}`];
        routes.push(`add ${network} ${gateway}`);
        const words =
          family === 4 ? [0x0a000000 | (side << 16) | ((1 + (n >> 8)) << 8) | (n & 255)] : v6(side, 0x10000 + n);
        const lladdr = Uint8Array.of(2, 0, side, 0, n >> 8, n & 255);
        router.neighbours.bind(router.table.get(name).index, Int32Array.from(words), lladdr, false);
      }
    }
    await router.route(...routes);
    return new RoutedHosts(router, names, family, half);
  }

  private constructor(router: OfflineRouter, names: readonly string[], family: 4 | 6, half: number) {
    const { views, cache } = router.memory;
    this.views = views;
    this.sides = names.map((name): Side => {
      const record = ifRecord(router.table.get(name).index);
      const toPort = new RingProducer(views.rings, views.heap[record + If.RX_RING]);
      const fromPort = new RingConsumer(views.rings, views.heap[record + If.TX_RING]);
      return { toPort, fromPort, waiting: new Int32Array(ROUND), length: 0 };
    });
    const slots = views.sizes.frames + views.sizes.superframes;
    this.side = new Int8Array(slots);
    this.place = new Int32Array(slots);
    this.bytes = new Uint8Array(2 * ROUND * FRAME_MOST);
    for (let n = 0; n < 2 * ROUND; n++) {
      const slot = cache.takeFrame();
      this.side[slot] = n & 1;
      this.place[slot] = n * FRAME_MOST;
      this.bytes.set(frameBytes(family, n & 1, (n >> 1) % half, ((n >> 1) * 7919) % half), n * FRAME_MOST);
      views.meta[(slot << Meta.SHIFT) + Meta.LENGTH] = family === 4 ? 60 : 74;
      this.make(slot);
    }
  }

  /** Writes a slot's frame as it was, and has it wait. */
  private make(slot: number): void {
    const { views } = this;
    const m = slot << Meta.SHIFT;
    const offset = views.slotOffset[slot] + Slot.HEADROOM;
    const length = views.meta[m + Meta.LENGTH];
    for (let i = 0; i < length; i++) views.u8[offset + i] = this.bytes[this.place[slot] + i] as number;
    for (let w = 0; w < 8; w++) views.meta[m + w] = 0;
    views.meta[m + Meta.OFFSET] = offset;
    views.meta[m + Meta.LENGTH] = length;
    const side = this.sides[this.side[slot] as number] as Side;
    side.waiting[side.length++] = slot;
  }

  /** Fills both ports' rings with what waits. Returns the frames put. */
  fill(): number {
    let put = 0;
    for (const side of this.sides) {
      put += side.toPort.pushList(side.waiting, side.length);
      side.toPort.publish();
      side.length = 0;
    }
    return put;
  }

  /** Takes back what came out. Returns the frames taken. */
  collect(): number {
    let got = 0;
    for (const { fromPort } of this.sides) {
      for (let n = fromPort.popList(this.back, ROUND); n > 0; n = fromPort.popList(this.back, ROUND)) {
        for (let i = 0; i < n; i++) this.make(this.back[i] as number);
        got += n;
      }
    }
    return got;
  }
}

/** 2001:db8:SIDE:: with a last word. */
function v6(side: number, last: number): number[] {
  return [0x20010db8, side << 16, 0, last];
}

/** A frame that comes in on `side` from its host `from` for the network behind neighbour `to` of the other. */
function frameBytes(family: 4 | 6, side: number, from: number, to: number): Uint8Array {
  const frame = new Uint8Array(new ArrayBuffer(FRAME_MOST));
  frame.set([2, 0xff, 0, 0, 0, side, 2, 0, side, 0, from >> 8, from & 255]);
  const type = family === 4 ? EtherType.IPV4 : EtherType.IPV6;
  new Uint16Array(frame.buffer)[6] = type;
  const view = new DataView(frame.buffer);
  const far = 1 - side;
  if (family === 4) {
    const source = 0x0a000000 | (side << 16) | ((1 + (from >> 8)) << 8) | (from & 255);
    const destination = ((20 + far) << 24) | (to << 8) | 9;
    writeIpv4(new Uint16Array(frame.buffer), ETHER, 0, 46, 1, 0, 64, Protocol.UDP, source, destination);
    frame.set(UDP, ETHER + 20);
    return frame;
  }
  writeIpv6(frame, ETHER, 0, 0, 20, Protocol.UDP, 64);
  v6(side, 0x10000 + from).forEach((word, n) => void view.setInt32(ETHER + 8 + 4 * n, word));
  [0x20010db8, (0x1000 * (1 + far) + to) << 16, 0, 9].forEach(
    (word, n) => void view.setInt32(ETHER + 24 + 4 * n, word),
  );
  frame.set(UDP, ETHER + 40);
  return frame;
}
