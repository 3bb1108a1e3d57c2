/**
 * End.DT4 on the data plane, row by row of matrix B (spec B §8.1): golden bytes in and out, ICMPv6 errors with their pointers, counters,
 * and the books.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { total } from '../../src/shared/counter/books.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { CaptureBench } from '../support/captures.js';
import { hex, naiveChecksum } from '../support/naive-ip.js';
import {
  dt4,
  FORWARDED,
  fragment,
  type Header,
  INNER,
  icmp4,
  icmp6,
  options,
  outer,
  SID,
  SOURCE,
  Srv6Rig,
  srh,
} from '../support/srv6-rig.js';
import { addressBytes, afterHops, udpPacket } from '../support/udp-packet.js';

const IPV4 = 4;
const SID_200 = 'fc00:12:200::6004';
/** An SRH whose segment is the SID, used up. */
const DONE = srh([SID], 0);

describe('End.DT4', () => {
  let rig: Srv6Rig;
  before(async () => {
    rig = await Srv6Rig.start((state) => {
      state.routes.push(dt4(SID, 100, true), dt4(SID_200, 200), {
        ...dt4('fc00:13:100::', 100),
        length: 64,
      });
    });
  });
  after(() => rig.stop());
  beforeEach(() => rig.rig.forget());

  /** Counts of the SID that a body adds. */
  async function counted(body: () => Promise<void>): Promise<Record<string, number>> {
    const before = rig.counts(SID);
    await body();
    const now = rig.counts(SID);
    assert.ok(before !== undefined && now !== undefined);
    return {
      packets: now.packets - before.packets,
      bytes: now.bytes - before.bytes,
      errors: now.errors - before.errors,
    };
  }

  /** The error that a packet is answered with, which goes to its source; nothing else may come out. */
  async function answered(packet: Uint8Array): Promise<ReturnType<typeof icmp6>> {
    await rig.send('mem0', packet);
    const { mem0 = [], ...others } = rig.out();
    assert.deepEqual(others, {});
    assert.equal(mem0.length, 1);
    const error = icmp6(mem0[0] as Uint8Array);
    assert.equal(error.to, Buffer.from(addressBytes(SOURCE)).toString('hex'));
    assert.deepEqual(error.quoted, packet.subarray(0, error.quoted.length));
    return error;
  }

  it('B1 IPv6, an SRH with nothing left, IPv4: routed by table 100, TTL less one', async () => {
    const golden = hex(
      `60000000 003c 2b 40 fd000000000000000000000000000001 fc000012010000000000000000006004
       04 02 04 00 00 00 0000 fc000012010000000000000000006004
       4500002400014000400126d60a0000010a000002 08005435123400016162636465666768`,
    );
    assert.deepEqual(outer(SID, [DONE], IPV4, INNER), golden);
    await rig.send('mem0', golden);
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] });
  });

  it('B2 without an SRH: decapsulated alike', async () => {
    await rig.send('mem0', outer(SID, [], IPV4, INNER));
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] });
  });

  it('B3, B4 segments left: a Parameter Problem that points at them, and an error counted', async () => {
    const counts = await counted(async () => {
      const { type, code, rest } = await answered(outer(SID, [srh([SID, 'fcff:3::e'], 1)], IPV4, INNER));
      assert.deepEqual([type, code, rest], [4, 0, 43]);
    });
    assert.deepEqual(counts, { packets: 0, bytes: 0, errors: 1 });
  });

  for (const protocol of [41, 6, 17, 59]) {
    it(`B5 an upper layer of ${protocol}: code 4, which points at it`, async () => {
      for (const [headers, pointer] of [
        [[], 40],
        [[DONE], 64],
      ] as const) {
        const { type, code, rest } = await answered(outer(SID, headers, protocol, INNER));
        assert.deepEqual([type, code, rest], [4, 4, pointer]);
      }
    });
  }

  const chains: readonly (readonly [string, readonly Header[]])[] = [
    ['hop-by-hop options', [options(0)]],
    ['destination options', [options(60)]],
    ['both and an SRH', [options(0), options(60), DONE]],
    ['an atomic fragment', [fragment()]],
  ];
  for (const [name, headers] of chains) {
    it(`B6 ${name} in front: removed with the outer header`, async () => {
      await rig.send('mem0', outer(SID, headers, IPV4, INNER));
      assert.deepEqual(rig.out(), { mem1: [FORWARDED] });
    });
  }

  it('B7 a later fragment: dropped', async () => {
    const drops = await rig.rig.dropsOf(() => rig.send('mem0', outer(SID, [fragment(8)], IPV4, INNER)));
    assert.deepEqual(drops, { 'srv6-header': 1 });
    assert.deepEqual(rig.out(), {});
  });

  it('B7 the first fragment of several, though it holds an inner packet: dropped', async () => {
    const first: Header = [44, (next) => Uint8Array.of(next, 0, 0, 1, 0, 0, 0, 1)];
    const drops = await rig.rig.dropsOf(() => rig.send('mem0', outer(SID, [first], IPV4, INNER)));
    assert.deepEqual(drops, { 'srv6-header': 1 });
    assert.deepEqual(rig.out(), {});
  });

  it('B8 a malformed SRH: a Parameter Problem', async () => {
    const { type, code, rest } = await answered(outer(SID, [srh([SID], 0, { 4: 1 })], IPV4, INNER));
    assert.deepEqual([type, code, rest], [4, 0, 43]);
  });

  it('B8 another routing header with segments left: a Parameter Problem that points at its type', async () => {
    const { type, code, rest } = await answered(outer(SID, [options(60), srh([SID], 1, { 2: 0 })], IPV4, INNER));
    assert.deepEqual([type, code, rest], [4, 0, 50]);
  });

  it('B9 fewer than 20 bytes inside: dropped in silence', async () => {
    const drops = await rig.rig.dropsOf(() => rig.send('mem0', outer(SID, [DONE], IPV4, INNER.subarray(0, 19))));
    assert.deepEqual(drops, { 'ip4-short': 1 });
    assert.deepEqual(rig.out(), {});
  });

  const faults: readonly (readonly [string, Readonly<Record<number, number>>, string])[] = [
    ['version 6', { 0: 0x65 }, 'ip4-version'],
    ['a header of 16 bytes', { 0: 0x44 }, 'ip4-header-length'],
    ['a total length beyond its end', { 3: 0x25 }, 'ip4-truncated'],
    ['a wrong checksum', { 11: 0xd7 }, 'ip4-checksum'],
  ];
  for (const [name, changes, reason] of faults) {
    it(`B10 an inner packet with ${name}: dropped, an error counted, nothing sent`, async () => {
      const inner = Uint8Array.from(INNER);
      for (const [at, byte] of Object.entries(changes)) inner[Number(at)] = byte;
      if (name.startsWith('a total')) inner[11] -= 1; // The checksum is right, so that it is not what is found.
      const counts = await counted(async () => {
        const drops = await rig.rig.dropsOf(() => rig.send('mem0', outer(SID, [], IPV4, inner)));
        assert.deepEqual(drops, { [reason]: 1 });
      });
      assert.deepEqual(counts, { packets: 0, bytes: 0, errors: 1 });
      assert.deepEqual(rig.out(), {});
    });
  }

  it('B11 bytes behind the inner packet: trimmed', async () => {
    await rig.send('mem0', outer(SID, [], IPV4, Uint8Array.from([...INNER, 1, 2, 3, 4, 5])));
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] });
  });

  it('B12 an inner TTL of 1: Time Exceeded from the tenant VRF towards the inner source', async () => {
    const inner = afterHops(INNER, 63);
    const counts = await counted(() => rig.send('mem0', outer(SID, [], IPV4, inner)));
    const { mem1 = [], ...others } = rig.out();
    assert.deepEqual(others, {});
    const error = icmp4(mem1[0] as Uint8Array);
    assert.deepEqual([error.type, error.code], [11, 0]);
    assert.deepEqual([...(mem1[0] as Uint8Array).subarray(12, 20)], [10, 0, 0, 254, 10, 0, 0, 1]);
    assert.deepEqual(error.quoted.subarray(0, 28), inner.subarray(0, 28));
    assert.equal(counts.errors, 1);
  });

  it('B13 an outer hop limit of 1: decapsulated, the inner TTL is its own', async () => {
    await rig.send('mem0', outer(SID, [DONE], IPV4, INNER, { hl: 1 }));
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] });
  });

  it('B14 an outer traffic class: the inner one stays', async () => {
    await rig.send('mem0', outer(SID, [], IPV4, INNER, { tc: 0xb8 }));
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] });
  });

  it('B14 with srv6.ecn=rfc6040 the inner packet hears of congestion; one without ECN is dropped', async () => {
    const marked = (tos: number, ttl: number): Uint8Array => {
      const packet = Uint8Array.from(INNER);
      packet[1] = tos;
      return afterHops(packet, 64 - ttl);
    };
    const tc = 0xbb;
    await rig.send('mem0', outer(SID, [], IPV4, marked(0x2a, 64), { tc }));
    assert.deepEqual(rig.out(), { mem1: [marked(0x2a, 63)] }, 'not by default');
    await rig.rig.command('sysctl srv6.ecn=rfc6040');
    rig.rig.forget();
    for (const headers of [[], [DONE], [options(60), DONE]]) {
      await rig.send('mem0', outer(SID, headers, IPV4, marked(0x2a, 64), { tc }));
      assert.deepEqual(rig.out(), { mem1: [marked(0x2b, 63)] });
    }
    await rig.send('mem0', outer(SID, [DONE], IPV4, marked(0x2a, 64), { tc: 0xba }), outer(SID, [], IPV4, INNER));
    assert.deepEqual(rig.out(), { mem1: [marked(0x2a, 63), FORWARDED] });
    const counts = await counted(async () => {
      const drops = await rig.rig.dropsOf(() => rig.send('mem0', outer(SID, [DONE], IPV4, INNER, { tc })));
      assert.deepEqual(drops, { 'srv6-ecn': 1 });
    });
    assert.deepEqual(counts, { packets: 0, bytes: 0, errors: 1 });
    const short = await rig.rig.dropsOf(() => rig.send('mem0', outer(SID, [], IPV4, INNER.subarray(0, 19), { tc })));
    assert.deepEqual(short, { 'ip4-short': 1 });
    assert.deepEqual(rig.out(), {});
    await rig.rig.command('sysctl srv6.ecn=none');
  });

  it('B16 no route in the tenant table but one in main: net unreachable from the VRF', async () => {
    const inner = udpPacket('10.0.0.1', '192.0.2.2');
    await rig.send('mem0', outer(SID, [], IPV4, inner));
    const { mem1 = [], ...others } = rig.out();
    assert.deepEqual(others, {}, 'nothing by the core');
    const { type, code } = icmp4(mem1[0] as Uint8Array);
    assert.deepEqual([type, code], [3, 0]);
  });

  it('B16 with net.vrf.fallthrough=1 it is forwarded by main, but where a route of the tenant says no', async () => {
    const [four, six] = [udpPacket('10.0.0.1', '192.0.2.2'), udpPacket('cafe::1', 'fd00::9')];
    const say = (words: string) => rig.rig.command(words).then(() => rig.rig.forget());
    await say('sysctl net.vrf.fallthrough=1');
    await rig.send('mem0', outer(SID, [], IPV4, four));
    assert.deepEqual(rig.out(), { mem0: [afterHops(four, 1)] });
    await rig.send('mem1', four, six);
    assert.deepEqual(rig.out(), { mem0: [afterHops(four, 1), afterHops(six, 1)] });
    await rig.send('mem0', outer(SID, [], IPV4, INNER));
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] }, 'what the tenant has is before main');
    await say('ip route add unreachable default vrf vrf-100');
    await rig.send('mem0', outer(SID, [], IPV4, four));
    assert.deepEqual(icmp4(rig.take('mem1')[0] as Uint8Array).code, 1);
    await say('ip route del unreachable default vrf vrf-100');
    await say('sysctl net.vrf.fallthrough=0');
    await rig.send('mem1', four, six);
    const { mem1 = [], ...others } = rig.out();
    assert.deepEqual(others, {}, 'nothing by the core');
    assert.deepEqual([icmp4(mem1[0] as Uint8Array).type, icmp6(mem1[1] as Uint8Array).type], [3, 1]);
  });

  it('B17 two tenants with the same prefixes: each SID leads to its own', async () => {
    await rig.send('mem0', outer(SID_200, [], IPV4, INNER));
    assert.deepEqual(rig.out(), { mem2: [FORWARDED] });
    await rig.send('mem0', outer(SID, [], IPV4, INNER), outer(SID_200, [], IPV4, INNER), outer(SID, [], IPV4, INNER));
    assert.deepEqual(rig.out(), { mem1: [FORWARDED, FORWARDED], mem2: [FORWARDED] });
  });

  for (const source of ['127.0.0.1', '224.0.0.1', '255.255.255.255', '0.1.2.3']) {
    it(`B18 an inner source of ${source}: dropped`, async () => {
      const inner = udpPacket(source, '10.0.0.2');
      const drops = await rig.rig.dropsOf(() => rig.send('mem0', outer(SID, [], IPV4, inner)));
      assert.deepEqual(drops, { 'martian-source': 1 });
      assert.deepEqual(rig.out(), {});
    });
  }

  const received = (name: string): number[] => {
    const { router } = rig.rig;
    return [Lane.IPACKETS, Lane.IBYTES].map((word) => total(router.memory.views, router.table.get(name).index, word));
  };

  it('B19 an inner destination that is a group: the VRF counts nothing, and its captures see nothing', async () => {
    const was = received('vrf-100');
    const captures = new CaptureBench(rig.rig.router);
    const vrf = captures.attach('vrf-100');
    const drops = await rig.rig.dropsOf(() =>
      rig.send('mem0', outer(SID, [], IPV4, udpPacket('10.0.0.1', '239.1.1.1'))),
    );
    assert.deepEqual(drops, { multicast: 1 });
    assert.deepEqual(received('vrf-100'), was);
    assert.deepEqual(captures.brief(vrf), []);
    await rig.rig.router.captures.detach(vrf);
  });

  it('B20 the VRF counts packets and bytes of inner packets, other interfaces do not', async () => {
    const [packets = 0, bytes = 0] = received('vrf-100');
    const tenant = received('mem1');
    const [core = 0] = received('mem0');
    const long = udpPacket('10.0.0.1', '10.0.0.2', { payload: new Uint8Array(100) });
    await rig.send('mem0', outer(SID, [DONE], IPV4, INNER), outer(SID, [], IPV4, long));
    assert.deepEqual(received('vrf-100'), [packets + 2, bytes + INNER.length + long.length]);
    assert.deepEqual(received('mem1'), tenant);
    assert.equal((received('mem0')[0] ?? 0) - core, 2);
  });

  it('B21 a capture of the VRF: each packet once behind an Ethernet header of its own; of the tenant’s port, what it sends', async () => {
    const captures = new CaptureBench(rig.rig.router);
    const [vrf, tenant] = [captures.attach('vrf-100'), captures.attach('mem1')];
    await rig.send('mem0', outer(SID, [DONE], IPV4, INNER), outer(SID, [], IPV4, INNER));
    const mac = Buffer.from(rig.rig.lladdr('vrf-100')).toString('hex');
    const shown = `vrf-100 in ${mac}${mac}0800${Buffer.from(INNER).toString('hex')}`;
    assert.deepEqual(captures.brief(vrf), [shown, shown]);
    const sent = rig.rig.take('mem1').map((frame) => `mem1 out ${Buffer.from(frame).toString('hex')}`);
    assert.equal(sent.length, 2);
    assert.deepEqual(captures.brief(tenant), sent, 'what the capture was shown left no trace');
    await Promise.all([vrf, tenant].map((capture) => rig.rig.router.captures.detach(capture)));
  });

  it('B28 seg6_enabled is 0 on every port, and SIDs are processed', async () => {
    const ports = ['all', 'mem0', 'mem1'].map((port) => `net.ipv6.conf.${port}.seg6_enabled`);
    const values = await Promise.all(ports.map((name) => rig.rig.command(`sysctl ${name}`)));
    assert.deepEqual(
      values,
      ports.map((name) => `${name}=0\n`),
    );
    await rig.send('mem0', outer(SID, [DONE], IPV4, INNER));
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] });
  });

  /** An ICMPv6 message that does not leave its link. */
  function toLink(src: string, dst: string, message: readonly number[]): Uint8Array {
    const pseudo = [...addressBytes(src), ...addressBytes(dst), 0, 0, 0, message.length, 0, 0, 0, 58];
    const bytes = Uint8Array.from(message);
    new DataView(bytes.buffer).setUint16(2, naiveChecksum(Uint8Array.from(pseudo), bytes));
    return outer(dst, [], 58, bytes, { src, hl: 255 });
  }
  const types = (out: Record<string, Uint8Array[]>): Record<string, number[]> =>
    Object.fromEntries(Object.entries(out).map(([port, packets]) => [port, packets.map((bytes) => icmp6(bytes).type)]));
  function linkLocal(port: string): string {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = rig.rig.lladdr(port);
    const words = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
    return `fe80::${words.map((word) => word.toString(16)).join(':')}`;
  }

  it('B44 neighbour discovery and link-local packets on a VRF’s port are that port’s', async () => {
    const was = received('vrf-100');
    for (const port of ['mem1', 'mem2']) {
      const target = [135, 0, 0, 0, 0, 0, 0, 0, ...addressBytes('cafe::254'), 1, 1, 2, 0, 0, 0, 0, 9];
      await rig.send(port, toLink('fe80::9', 'cafe::254', target));
      // Announcements of our own addresses, to groups, may come at any time.
      const toOne = (one: string) => rig.rig.all(one).filter((frame) => ((frame[0] as number) & 1) === 0);
      const said = ['mem0', 'mem1', 'mem2'].map((one) => toOne(one).map((frame) => frame[14 + 40]));
      assert.deepEqual(said, port === 'mem1' ? [[], [136], []] : [[], [], [136]]);
      await rig.send(port, toLink('fe80::9', linkLocal(port), [128, 0, 0, 0, 0, 1, 0, 1]));
      assert.deepEqual(types(rig.out()), { [port]: [129] }, 'the same neighbour address is another one’s on each port');
    }
    assert.deepEqual(received('vrf-100'), was, 'the VRF is not what received them');
  });

  it('B26 counted: packets and bytes with the outer header', async () => {
    const packet = outer(SID, [DONE], IPV4, INNER);
    const counts = await counted(() => rig.send('mem0', packet, packet));
    assert.deepEqual(counts, { packets: 2, bytes: 2 * packet.length, errors: 0 });
  });

  it('B27 a SID of 64 bits: whatever its low bits', async () => {
    for (const low of ['1', 'ffff:ffff:ffff:ffff', 'a:b:c:d']) {
      const address = low.includes(':') ? `fc00:13:100:0:${low}` : `fc00:13:100::${low}`;
      await rig.send('mem0', outer(address, [], IPV4, INNER));
      assert.deepEqual(rig.out(), { mem1: [FORWARDED] });
    }
  });

  it('B20 the VRF receives what its ports do as well: counters and captures, but of groups', async () => {
    const [packets = 0, bytes = 0] = received('vrf-100');
    const other = received('vrf-200');
    const captures = new CaptureBench(rig.rig.router);
    const vrf = captures.attach('vrf-100');
    const four = udpPacket('10.0.0.1', '10.0.0.2');
    const six = udpPacket('cafe::1', 'cafe::2');
    await rig.send('mem1', four, six, udpPacket('10.0.0.1', '239.1.1.1'), udpPacket('cafe::1', 'ff0e::1'));
    assert.deepEqual(received('vrf-100'), [packets + 2, bytes + four.length + six.length]);
    assert.deepEqual(received('vrf-200'), other);
    const mac = Buffer.from(rig.rig.lladdr('vrf-100')).toString('hex');
    const shown = [four, six].map((packet, n) => {
      const type = n === 0 ? '0800' : '86dd';
      return `vrf-100 in ${mac}${mac}${type}${Buffer.from(packet).toString('hex')}`;
    });
    assert.deepEqual(captures.brief(vrf), shown);
    const gone = rig.take('mem1').map((packet) => Buffer.from(packet).toString('hex'));
    for (const packet of [four, six])
      assert.ok(gone.includes(Buffer.from(afterHops(packet, 1)).toString('hex')), 'they go on');
    await rig.rig.router.captures.detach(vrf);
    // A port that leaves is received for no more.
    await rig.rig.command('ip link set mem1 nomaster');
    await rig.rig.command('ip link set mem1 master vrf-200');
    await rig.rig.usable();
    rig.rig.forget();
    const was = received('vrf-100');
    const [before = 0] = received('vrf-200');
    await rig.send('mem1', four);
    assert.deepEqual(received('vrf-100'), was);
    assert.equal((received('vrf-200')[0] ?? 0) - before, 1);
  });
});
