/**
 * H.Encaps and H.Encaps.Red on the data plane, row by row of matrix B (spec B §8.4): golden bytes, TTL, hop limit, traffic class, flow
 * label, MTU, the underlay, and a SID of our own.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Slot } from '../../src/shared/layout/packet.js';
import { hex } from '../support/naive-ip.js';
import {
  dt4,
  encapRoute,
  FORWARDED,
  INNER,
  icmp4,
  icmp6,
  outer,
  SID,
  SOURCE,
  Srv6Rig,
  sidRoute,
  srh,
} from '../support/srv6-rig.js';
import { ACK, build, noise, PSH, parse, type Recipe, type Superframe, TCP } from '../support/superframe.js';
import { addressBytes, afterHops, udpPacket } from '../support/udp-packet.js';

/** SIDs behind the core. */
const FAR = 'fcff:2::d46';
const PATH = ['fcff:3::e', 'fcff:3:1::e', 'fcff:2::d46'];
/** Nine SIDs, of which the first is ours: the packet goes on to the second, by another encapsulation of nine. */
const [DEEP, DEEPER] = ['fcff:9::e', FAR].map((first) => [
  first,
  ...Array.from({ length: 8 }, (_, n) => `fcff:${n + 20}::1`),
]);
const MTU = 1500;

/** The flow label of an IPv6 packet. */
const labelOf = (packet: Uint8Array): number =>
  (((packet[1] as number) & 15) << 16) | ((packet[2] as number) << 8) | (packet[3] as number);

/** A route to a gateway. */
const NET = { rdomain: 0, family: 'inet6', kind: 'gateway', dev: '', metric: 0 } as const;

describe('the head end', () => {
  let rig: Srv6Rig;
  before(async () => {
    rig = await Srv6Rig.start((state) => {
      state.settings['net.ipv6.seg6_flowlabel'] = -1;
      state.routes.push(
        dt4(SID, 200),
        encapRoute(100, '10.1.1.0/24', [FAR]),
        encapRoute(100, '10.1.2.0/24', PATH),
        encapRoute(100, '10.1.3.0/24', [FAR], { mode: 'encap.red' }),
        encapRoute(100, '10.1.4.0/24', PATH, { mode: 'encap.red' }),
        encapRoute(100, '10.0.0.2/32', [SID]),
        encapRoute(100, '10.1.6.0/24', ['fc99::1']),
        encapRoute(100, '10.1.7.0/24', [FAR], { table: 77 }),
        encapRoute(100, '10.1.8.0/24', PATH, { mode: 'encap.red', hmac: 42 }),
        encapRoute(100, 'cafe:1::/48', [FAR]),
        sidRoute('fc00:12:206::', 128, 'vrf-200', { action: 'End.DT6', vrftable: 200, vrf: 'vrf-200' }),
        encapRoute(100, 'cafe::2/128', ['fc00:12:206::']),
        encapRoute(100, 'cafe:3::/48', PATH),
        encapRoute(100, 'cafe:4::/48', [FAR], { mode: 'encap.red' }),
        sidRoute('fcff:9::e', 128, 'mem0', { action: 'End' }),
        encapRoute(100, '10.1.9.0/24', DEEP as string[]),
        { ...encapRoute(0, 'fcff:20::/32', DEEPER as string[]), dev: 'mem0' },
        encapRoute(100, '10.1.10.0/24', ['fcff:9::e', 'fcff:3::e', FAR]),
        { ...NET, rdomain: 100, network: 'fcff:3::', length: 32, gateways: ['cafe::1'] },
      );
      state.seg6.hmacs.push({ id: 42, algorithm: 'sha256', secret: 'secret' });
    });
  });
  after(() => rig.stop());
  beforeEach(() => rig.rig.forget());

  /** What one packet of tenant 100 becomes on the core. */
  async function sent(packet: Uint8Array): Promise<Uint8Array> {
    await rig.send('mem1', packet);
    const { mem0 = [], ...others } = rig.out();
    assert.deepEqual(others, {});
    assert.equal(mem0.length, 1, 'one packet on the core');
    return mem0[0] as Uint8Array;
  }

  it('B62 one SID: 64 bytes, nothing left, golden bytes', async () => {
    const inner = udpPacket('10.0.0.1', '10.1.1.9');
    const packet = await sent(inner);
    assert.deepEqual(packet, outer(FAR, [srh([FAR], 0)], 4, afterHops(inner, 1)));
    assert.equal(packet.length, inner.length + 64);
    const inner6 = udpPacket('cafe::1', 'cafe:1::9');
    assert.deepEqual(await sent(inner6), outer(FAR, [srh([FAR], 0)], 41, afterHops(inner6, 1), { hl: 63 }));
  });

  it('B63 three SIDs: reversed, the first is the destination and active', async () => {
    const inner = udpPacket('10.0.0.1', '10.1.2.9');
    assert.deepEqual(await sent(inner), outer(PATH[0] as string, [srh(PATH, 2)], 4, afterHops(inner, 1)));
  });

  it('B64 reduced: one SID without an SRH, of three the first is the destination alone', async () => {
    const one = udpPacket('10.0.0.1', '10.1.3.9');
    assert.deepEqual(await sent(one), outer(FAR, [], 4, afterHops(one, 1)));
    const three = udpPacket('10.0.0.1', '10.1.4.9');
    const expected = outer(PATH[0] as string, [srh(PATH.slice(1), 2)], 4, afterHops(three, 1));
    assert.deepEqual(await sent(three), expected);
  });

  it('B65 a TTL of 1: Time Exceeded from the VRF', async () => {
    await rig.send('mem1', udpPacket('10.0.0.1', '10.1.1.9', { ttl: 1 }));
    const { mem1 = [], ...others } = rig.out();
    assert.deepEqual(others, {});
    const { type, code } = icmp4(mem1[0] as Uint8Array);
    assert.deepEqual([type, code], [11, 0]);
    assert.deepEqual([...(mem1[0] as Uint8Array).subarray(12, 20)], [10, 0, 0, 254, 10, 0, 0, 1]);
    await rig.send('mem1', udpPacket('cafe::1', 'cafe:1::9', { ttl: 1 }));
    const [answer] = rig.take('mem1');
    assert.deepEqual([icmp6(answer as Uint8Array).type, icmp6(answer as Uint8Array).code], [3, 0]);
    assert.deepEqual([...(answer as Uint8Array).subarray(8, 24)], addressBytes('cafe::254'), 'an address of the VRF');
  });

  it('B65 B66 (compat): the inner TTL is as it was, the outer packet is forwarded', async () => {
    await rig.rig.command('sysctl srv6.compat=linux');
    rig.rig.forget();
    for (const ttl of [64, 1]) {
      const four = udpPacket('10.0.0.1', '10.1.1.9', { ttl });
      assert.deepEqual(await sent(four), outer(FAR, [srh([FAR], 0)], 4, four, { hl: 63 }));
    }
    const six = udpPacket('cafe::1', 'cafe:1::9', { ttl: 9 });
    assert.deepEqual(await sent(six), outer(FAR, [srh([FAR], 0)], 41, six, { hl: 8 }));
    await rig.rig.command('sysctl srv6.compat=rfc');
  });

  it('B66 hop limit and traffic class: of IPv6 the inner ones, of IPv4 64 and 0', async () => {
    const inner = udpPacket('cafe::1', 'cafe:4::9', { ttl: 9 });
    inner[0] = 0x6b;
    inner[1] = 0x80;
    assert.deepEqual(await sent(inner), outer(FAR, [], 41, afterHops(inner, 1), { hl: 8, tc: 0xb8 }));
    const four = Uint8Array.from(INNER);
    four.set([10, 1, 3, 9], 16);
    four[1] = 0xb8;
    four.set([0, 0], 10);
    const packet = await sent(afterHops(afterHops(four, 0), -1));
    assert.equal(packet[7], 64);
    assert.deepEqual([...packet.subarray(0, 2)], [0x60, 0]);
  });

  it('B66 the outer header of IPv4 has its DSCP with srv6.dscp=inherit, its ECN with srv6.ecn=rfc6040', async () => {
    const four = Uint8Array.from(INNER);
    four.set([10, 1, 3, 9], 16);
    four[1] = 0xba;
    const six = udpPacket('cafe::1', 'cafe:4::9');
    six.set([0x6b, 0xa0]);
    for (const [dscp, ecn, tc] of [
      ['none', 'none', 0],
      ['inherit', 'none', 0xb8],
      ['none', 'rfc6040', 0x02],
      ['inherit', 'rfc6040', 0xba],
    ] as const) {
      await rig.rig.command(`sysctl srv6.dscp=${dscp} srv6.ecn=${ecn}`);
      rig.rig.forget();
      assert.deepEqual(await sent(afterHops(four, 0)), outer(FAR, [], 4, afterHops(four, 1), { tc }));
      assert.deepEqual(await sent(six), outer(FAR, [], 41, afterHops(six, 1), { hl: 63, tc: 0xba }));
    }
    await rig.rig.command('sysctl srv6.dscp=none srv6.ecn=none');
  });

  it('B67 flow label: none, the inner one, or a hash that keeps to the flow and is never 0', async () => {
    const set = (mode: -1 | 0 | 1): Promise<void> =>
      rig.edit((state) => {
        state.settings['net.ipv6.seg6_flowlabel'] = mode;
      });
    const inner = udpPacket('cafe::1', 'cafe:4::9');
    inner.set([0x60, 0x01, 0x23, 0x45]);
    assert.equal(labelOf(await sent(inner)), 0);
    await set(0);
    assert.equal(labelOf(await sent(inner)), 0x12345);
    assert.equal(labelOf(await sent(udpPacket('10.0.0.1', '10.1.3.9'))), 0);
    await set(1);
    const labels = new Map<number, number>();
    for (let port = 1; port <= 64; port++) {
      const label = labelOf(await sent(udpPacket('10.0.0.1', '10.1.3.9', { port })));
      assert.equal(labelOf(await sent(udpPacket('10.0.0.1', '10.1.3.9', { port, ttl: 9 }))), label);
      assert.notEqual(label, 0);
      labels.set(label, port);
    }
    assert.ok(labels.size > 60, `${labels.size} labels of 64 flows`);
    await set(-1);
  });

  it('B69 the configured underlay: a SID without a route there is dropped and counted', async () => {
    for (const [to, reason] of [
      ['10.1.6.1', 'srv6-underlay'],
      ['10.1.7.1', 'srv6-underlay'],
    ] as const) {
      const drops = await rig.rig.dropsOf(() => rig.send('mem1', udpPacket('10.0.0.1', to)));
      assert.deepEqual(drops, { [reason]: 1 });
      assert.deepEqual(rig.out(), {});
    }
  });

  /** A UDP packet of so many bytes with DF. */
  function whole(bytes: number, df: boolean): Uint8Array {
    const packet = udpPacket('10.0.0.1', '10.1.1.9', { payload: Uint8Array.from({ length: bytes - 28 }, (_, k) => k) });
    packet[6] = df ? 0x40 : 0;
    return afterHops(packet, 0);
  }

  it('B70 too long with DF: fragmentation needed, with the MTU that the overhead leaves', async () => {
    assert.equal((await sent(whole(MTU - 64, true))).length, MTU);
    await rig.send('mem1', whole(MTU - 63, true));
    const { mem1 = [], ...others } = rig.out();
    assert.deepEqual(others, {});
    const { type, code, rest } = icmp4(mem1[0] as Uint8Array);
    assert.deepEqual([type, code, rest], [3, 4, MTU - 64]);
  });

  it('B70 too long without DF: the inner packet is cut, and each piece fits', async () => {
    await rig.send('mem1', whole(MTU, false));
    const { mem0 = [], ...others } = rig.out();
    assert.deepEqual(others, {});
    assert.equal(mem0.length, 2);
    let bytes = 0;
    for (const packet of mem0) {
      assert.ok(packet.length <= MTU);
      assert.deepEqual([...packet.subarray(24, 40)], addressBytes(FAR));
      const inner = packet.subarray(64);
      assert.equal(inner[8], 63, 'TTL less one');
      bytes += inner.length - 20;
    }
    assert.equal(bytes, MTU - 20);
  });

  it('B70 IPv6: Packet Too Big', async () => {
    const long = udpPacket('cafe::1', 'cafe:1::9', { payload: new Uint8Array(MTU - 64 - 47) });
    await rig.send('mem1', long);
    const { type, rest } = icmp6(rig.take('mem1')[0] as Uint8Array);
    assert.deepEqual([type, rest], [2, MTU - 64]);
  });

  it('B71 a SID End of this router at first: what is next is looked up in the underlay, whatever the tenant has', async () => {
    const path = ['fcff:9::e', 'fcff:3::e', FAR];
    const inner = udpPacket('10.0.0.1', '10.1.10.5');
    const packet = await sent(inner);
    assert.deepEqual([...packet.subarray(24, 40)], [...addressBytes('fcff:3::e')]);
    assert.deepEqual(packet.subarray(40), outer('fcff:3::e', [srh(path, 1)], 4, afterHops(inner, 1)).subarray(40));
  });
  it('B71 hairpin: a SID of this router', async () => {
    await rig.send('mem1', INNER);
    assert.deepEqual(rig.out(), { mem2: [afterHops(FORWARDED, 1)] });
  });

  for (const version of [4, 6] as const) {
    const addresses = (from: string, to: string): number[] => [...addressBytes(from), ...addressBytes(to)];
    const payload = noise(20_000);
    const recipe = (to: string): Recipe => ({
      ...{ version, protocol: TCP, payload, size: 1300, flags: PSH | ACK, dst: '02:00:00:00:00:00' },
      addresses: version === 4 ? addresses('10.0.0.1', to) : addresses('cafe::1', to),
    });
    /** Sends a superframe of tenant 100. */
    const sendSuper = async (to: string): Promise<Superframe> => {
      const made = build(recipe(to));
      made.bytes.set(rig.rig.lladdr('mem1'));
      await rig.rig.sendOffloaded('mem1', made.bytes, made.vnet);
      return made;
    };
    /** The payload of segments of TCP, each of which is an IP packet with right lengths and checksums. */
    const joined = (packets: readonly Uint8Array[]): Uint8Array =>
      Buffer.concat(
        packets.map((packet) => {
          const ether = [...new Uint8Array(12), ...(version === 4 ? [8, 0] : [0x86, 0xdd])];
          return parse(Uint8Array.from([...ether, ...packet])).payload;
        }),
      );

    it(`B71 an IPv${version} superframe goes through a SID of this router whole, and can be cut behind it`, async () => {
      const to = version === 4 ? '10.0.0.2' : 'cafe::2';
      const { bytes } = await sendSuper(to);
      const [whole, ...others] = rig.take('mem2');
      assert.deepEqual(others, []);
      assert.equal(whole?.length, bytes.length - 14);
      await rig.rig.command('ifconfig mem2 -tso');
      await sendSuper(to);
      const cut = rig.take('mem2');
      assert.equal(cut.length, Math.ceil(payload.length / 1300));
      assert.deepEqual(joined(cut), Buffer.from(payload));
      await rig.rig.command('ifconfig mem2 tso');
    });

    for (const path of [[FAR], PATH]) {
      it(`an IPv${version} superframe to the core by ${path.length} SIDs is cut, each segment in the outer headers`, async () => {
        await sendSuper(version === 4 ? `10.1.${path.length === 1 ? 1 : 2}.9` : `cafe:${path.length}::9`);
        const got = rig.take('mem0');
        assert.equal(got.length, Math.ceil(payload.length / 1300));
        const overhead = 48 + 16 * path.length;
        for (const packet of got) {
          const inner = packet.subarray(overhead);
          const limit = version === 4 ? {} : { hl: 63 };
          const whole = outer(path[0] as string, [srh(path, path.length - 1)], version === 4 ? 4 : 41, inner, limit);
          assert.deepEqual(packet.subarray(8), whole.subarray(8));
          assert.deepEqual(packet.subarray(4, 6), whole.subarray(4, 6), 'payload length');
        }
        assert.deepEqual(joined(got.map((packet) => packet.subarray(overhead))), Buffer.from(payload));
      });
    }
  }

  it('B80 a superframe into a tunnel whose first node is not known yet waits, and is cut into packets that fit', async () => {
    await rig.rig.command(
      'ip -6 route add fcff:8::/32 via 2001:db8:c::88',
      'ip route add 10.1.11.0/24 vrf vrf-100 encap seg6 mode encap segs fcff:8::d dev vrf-100',
    );
    rig.rig.forget();
    const payload = noise(20_000);
    const addresses = [...addressBytes('10.0.0.1'), ...addressBytes('10.1.11.9')];
    const made = build({ version: 4, protocol: TCP, payload, size: 1300, addresses, dst: '02:00:00:00:00:00' });
    made.bytes.set(rig.rig.lladdr('mem1'));
    await rig.rig.sendOffloaded('mem1', made.bytes, made.vnet);
    rig.rig.neighbour('mem0', '2001:db8:c::88', Uint8Array.of(2, 0, 0, 0, 0, 0x88));
    await rig.rig.settle();
    const got = rig.take('mem0').filter((packet) => packet[6] === 43);
    assert.equal(got.length, Math.ceil(payload.length / 1300));
    const inner = got.map((packet) => parse(Uint8Array.from([...new Uint8Array(12), 8, 0, ...packet.subarray(64)])));
    assert.deepEqual(Buffer.concat(inner.map((one) => one.payload)), Buffer.from(payload));
    assert.deepEqual(rig.take('mem1'), [], 'no error');
  });

  it('outer headers for which the headroom is too short: the packet moves back in its slot, and none before it is written', async () => {
    const { u8, sizes } = rig.rig.router.memory.views;
    const ends = Array.from({ length: sizes.frames }, (_, slot) => (slot + 1) * Slot.FRAME_STRIDE);
    for (const end of ends) u8.fill(0x55, end - 160, end);
    const inner = udpPacket('10.0.0.1', '10.1.9.9', { payload: noise(1000) });
    const first = outer('fcff:20::1', [srh(DEEP as string[], 7)], 4, afterHops(inner, 1), { hl: 63 });
    assert.deepEqual(await sent(inner), outer(FAR, [srh(DEEPER as string[], 8)], 41, first, { hl: 63 }));
    assert.ok(ends.every((end) => u8.subarray(end - 160, end).every((byte) => byte === 0x55)));
  });

  it('an HMAC is over what is sent', async () => {
    const inner = udpPacket('10.0.0.1', '10.1.8.9');
    const packet = await sent(inner);
    assert.equal(packet[40 + 5], 8, 'the flag by which Linux finds it');
    const segments = packet.subarray(48, 48 + 32);
    const tlv = packet.subarray(48 + 32, 48 + 72);
    assert.deepEqual([...tlv.subarray(0, 8)], [5, 38, 0, 0, 0, 0, 0, 42]);
    const text = Buffer.concat([Buffer.from(addressBytes(SOURCE)), hex('01 08 0000002a'), segments]);
    assert.deepEqual(Buffer.from(tlv.subarray(8)), createHmac('sha256', 'secret').update(text).digest());
  });

  it('of more packets than a burst has time to sign for the rest is dropped, by that reason', async () => {
    const packets = Array.from({ length: 60 }, () => udpPacket('10.0.0.1', '10.1.8.9'));
    const drops = await rig.rig.dropsOf(() => rig.send('mem1', ...packets));
    const passed = rig.take('mem0').length;
    assert.deepEqual(drops, passed === 60 ? {} : { 'srv6-hmac-budget': 60 - passed });
    assert.ok(passed >= 32);
  });

  it('B15 what the router says itself into a tunnel goes there too', async () => {
    // An echo to the VRF's own address, from behind the tunnel: it came in by a SID, the answer leaves encapsulated (B15).
    await rig.edit((state) => {
      state.routes.push({ ...dt4('fc00:12:101::', 100), length: 64 });
    });
    const echo = hex('4500002400014000400126d60a0101090a0000fe 08005435123400016162636465666768');
    const packet = afterHops(echo, 0);
    await rig.send('mem0', outer('fc00:12:101::1', [], 4, packet));
    const { mem0 = [], ...others } = rig.out();
    assert.deepEqual(others, {});
    const answer = (mem0[0] as Uint8Array).subarray(64);
    assert.deepEqual([...(mem0[0] as Uint8Array).subarray(24, 40)], addressBytes(FAR));
    assert.deepEqual([...answer.subarray(12, 20)], [10, 0, 0, 254, 10, 1, 1, 9]);
    assert.deepEqual([answer[20], answer[21]], [0, 0], 'an echo reply');
  });
});
