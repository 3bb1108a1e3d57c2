/**
 * Endpoint behaviours besides End.DT4, row by row of matrix B (spec B §8.3), their flavors, and what the HMAC policy lets in (§1.4).
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { total } from '../../src/shared/counter/books.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { naiveChecksum } from '../support/naive-ip.js';
import { frame } from '../support/rig.js';
import {
  dt4,
  encapRoute,
  FORWARDED,
  fragment,
  type Header,
  HOST,
  INNER,
  icmp6,
  options,
  outer,
  SID,
  SOURCE,
  Srv6Rig,
  sidRoute,
  srh,
} from '../support/srv6-rig.js';
import { addressBytes, afterHops, udpPacket } from '../support/udp-packet.js';

/** A node behind the core, to which packets go on. */
const NEXT = 'fcff:2::e';
const BEYOND = 'fcff:3::e';
const END = 'fcff:1::e';
const OWN = '2001:db8:c::1';
/** Payload of a packet that nobody here looks into. */
const DATA = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);

describe('End and its like', () => {
  let rig: Srv6Rig;
  before(async () => {
    rig = await Srv6Rig.start((state) => {
      const end = (address: string, sid: Parameters<typeof sidRoute>[3]): number =>
        state.routes.push(sidRoute(address, 128, 'mem0', sid));
      end(END, { action: 'End', count: true });
      end('fcff:1::ef1', { action: 'End', flavors: ['psp'] });
      end('fcff:1::ef2', { action: 'End', flavors: ['usp'] });
      end('fcff:1::ef3', { action: 'End', flavors: ['usd'] });
      end('fcff:1::ef4', { action: 'End', flavors: ['usp', 'usd'] });
      end('fcff:1::e2', { action: 'End.X', nh6: '2001:db8:c::3' });
      end('fcff:1::e3', { action: 'End.X', nh6: 'fe80::3', oif: 'mem0' });
      end('fcff:1::e4', { action: 'End.X', nh6: '2001:db8:c::77' });
      end('fcff:1::e5', { action: 'End.X', nh6: '2001:db8:c::3', flavors: ['psp'] });
      end('fcff:1::100', { action: 'End.T', table: 100 });
      end('fcff:1::101', { action: 'End.T', table: 100, flavors: ['usd'] });
      state.routes.push(encapRoute(100, '10.1.1.0/24', [NEXT]), encapRoute(100, 'cafe:1::/48', [NEXT]));
      end('fcff:1::77', { action: 'End.T', table: 77 });
      state.routes.push({ ...dt4('fcff:4::d4', 100), rdomain: 100 });
      end('fcff:1::d2', { action: 'End.DX2', oif: 'mem1' });
      end('fcff:1::d22', { action: 'End.DX2', oif: 'mem2' });
      end('fcff:1::d4', { action: 'End.DX4', nh4: '192.0.2.2' });
      end('fcff:1::d40', { action: 'End.DX4', nh4: '0.0.0.0' });
      end('fcff:1::d47', { action: 'End.DX4', nh4: '192.0.2.77' });
      end('fcff:1::d67', { action: 'End.DX6', nh6: '2001:db8:c::78' });
      end('fcff:1::d6', { action: 'End.DX6', nh6: '2001:db8:c::3' });
      end('fcff:1::d60', { action: 'End.DX6', nh6: '::' });
      end('fcff:1::d62', { action: 'End.DT6', table: 100 });
      end('fcff:1::d63', { action: 'End.DT6', vrftable: 100, vrf: 'vrf-100' });
      end('fcff:1::d46', { action: 'End.DT46', vrftable: 100, vrf: 'vrf-100' });
      for (let n = 0; n < 20; n++) end(`fcff:4::${n + 1}`, { action: 'End' });
    });
    rig.rig.neighbour('mem0', 'fe80::3', Uint8Array.of(2, 0, 0, 0, 0, 0xfc));
  });
  after(() => rig.stop());
  beforeEach(() => rig.rig.forget());

  /** A packet on a path, as it comes to us: the segment that is ours is the destination. */
  const onPath = (path: readonly string[], left: number, headers: readonly Header[] = [], hl = 64): Uint8Array =>
    outer(path[path.length - 1 - left] as string, [...headers, srh(path, left)], 17, DATA, { hl });

  /** The frame that a packet becomes; nothing else may come out. */
  async function sent(packet: Uint8Array): Promise<{ packet: Uint8Array; to: number }> {
    await rig.send('mem0', packet);
    const frames = rig.rig.take('mem0');
    assert.deepEqual(rig.out(), {});
    assert.equal(frames.length, 1);
    return { packet: (frames[0] as Uint8Array).subarray(14), to: (frames[0] as Uint8Array)[5] as number };
  }

  /** Type, code and the second word of the error that a packet is answered with. */
  async function answer(packet: Uint8Array): Promise<readonly number[]> {
    const { type, code, rest, to, quoted } = icmp6((await sent(packet)).packet);
    assert.equal(to, Buffer.from(addressBytes(SOURCE)).toString('hex'));
    assert.deepEqual(quoted, packet.subarray(0, quoted.length), 'quoted as it came');
    return [type, code, rest];
  }

  it('B46 End: one segment less, the next one is the destination, hop limit less one', async () => {
    const path = [END, NEXT, BEYOND];
    const { packet } = await sent(onPath(path, 2));
    assert.deepEqual(packet, outer(NEXT, [srh(path, 1)], 17, DATA, { hl: 63 }));
    assert.deepEqual(rig.counts(END), { packets: 1, bytes: 40 + 56 + 8, errors: 0 });
  });
  it('B46 End of a reduced SRH: the first segment is in the destination alone', async () => {
    const reduced = srh([NEXT, BEYOND], 2);
    const { packet } = await sent(outer(END, [reduced], 17, DATA));
    assert.deepEqual(packet, outer(NEXT, [srh([NEXT, BEYOND], 1)], 17, DATA, { hl: 63 }));
  });
  it('B47 End with a hop limit of 1: Time Exceeded, and the packet is quoted as it came', async () => {
    assert.deepEqual(await answer(onPath([END, NEXT], 1, [], 1)), [3, 0, 0]);
  });
  it('B48 End with nothing left: code 4 at the upper layer', async () => {
    assert.deepEqual(await answer(onPath([NEXT, END], 0)), [4, 4, 80]);
    assert.deepEqual(await answer(outer(END, [], 17, DATA)), [4, 4, 40]);
  });
  it('B49 End with more left than there are segments, or more segments than room', async () => {
    assert.deepEqual(await answer(outer(END, [srh([NEXT], 2)], 17, DATA)), [4, 0, 43]);
    assert.deepEqual(await answer(outer(END, [options(60), srh([NEXT], 1, { 4: 1 })], 17, DATA)), [4, 0, 51]);
  });
  it('B50 End: the next segment is an address of ours, which takes it', async () => {
    const echo = Uint8Array.of(128, 0, 0, 0, 0, 1, 0, 1);
    const drops = await rig.rig.dropsOf(() => rig.send('mem0', outer(END, [srh([END, OWN], 1)], 58, echo)));
    assert.deepEqual(drops, { checksum: 1 }, 'it has come to local input, which finds the checksum wrong');
  });
  it('B51 End.X: to its next hop, whatever the tables say of the destination', async () => {
    for (const [sid, to] of [
      ['fcff:1::e2', 0xfd],
      ['fcff:1::e3', 0xfc],
    ] as const) {
      const path = [sid, NEXT];
      const got = await sent(onPath(path, 1));
      assert.equal(got.to, to);
      assert.deepEqual(got.packet, outer(NEXT, [srh(path, 0)], 17, DATA, { hl: 63 }));
    }
  });
  it('B51 End.X: neighbour solicitation is for its next hop', async () => {
    await rig.send('mem0', onPath(['fcff:1::e4', NEXT], 1));
    // On a busy machine it may have been asked for twice by now.
    const asked = rig.rig.all('mem0').filter((bytes) => bytes[54] === 135);
    assert.ok(asked.length > 0);
    for (const bytes of asked) assert.deepEqual([...bytes.subarray(62, 78)], addressBytes('2001:db8:c::77'));
    rig.rig.neighbour('mem0', '2001:db8:c::77', Uint8Array.of(2, 0, 0, 0, 0, 0x77));
    await rig.rig.settle();
    const [packet] = rig.take('mem0');
    assert.deepEqual(packet, outer(NEXT, [srh(['fcff:1::e4', NEXT], 0)], 17, DATA, { hl: 63 }), 'it has waited');
  });
  it('B52 End.T: by the routes of its table alone', async () => {
    const path = ['fcff:1::100', 'cafe::1'];
    await rig.send('mem0', onPath(path, 1));
    assert.deepEqual(rig.out(), { mem1: [outer('cafe::1', [srh(path, 0)], 17, DATA, { hl: 63 })] });
    for (const sid of ['fcff:1::100', 'fcff:1::77']) {
      const drops = await rig.rig.dropsOf(() => rig.send('mem0', onPath([sid, NEXT], 1)));
      assert.deepEqual(drops, { 'no-route': 1 });
      rig.rig.forget();
    }
  });

  it('B52 End.T: to a SID in its table', async () => {
    const path = ['fcff:1::100', 'fcff:4::d4'];
    await rig.send('mem0', outer('fcff:1::100', [srh(path, 1)], 4, INNER));
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] });
  });

  it('B53 End.DX2: the inner frame leaves as it is', async () => {
    const inner = frame(HOST, '02:00:00:00:00:0b', { mark: 7 });
    await rig.send('mem0', outer('fcff:1::d2', [srh(['fcff:1::d2'], 0)], 143, inner));
    assert.deepEqual(rig.rig.take('mem1'), [inner]);
    assert.deepEqual(rig.out(), {});
  });
  it('what is inside for the link alone has not come by it: dropped, whatever its hop limit', async () => {
    for (const [sid, to] of [
      ['fcff:1::d60', 'fe80::1'],
      ['fcff:1::d60', 'ff02::1'],
      ['fcff:1::ef3', 'fe80::1'],
    ] as const) {
      const inner = udpPacket('fe80::2', to, { ttl: 255 });
      const drops = await rig.rig.dropsOf(() => rig.send('mem0', outer(sid, [], 41, inner)));
      assert.deepEqual(drops, { 'ip6-link-local': 1 }, `${sid} ${to}`);
    }
  });
  it('a neighbour is not believed that speaks out of a tunnel', async () => {
    const source = [...addressBytes('fe80::99'), ...addressBytes('ff02::1:ff00:1')];
    const solicitation = Uint8Array.from([135, 0, 0, 0, 0, 0, 0, 0, ...addressBytes(OWN), 1, 1, 2, 0, 0, 0, 0, 0x66]);
    const sum = naiveChecksum(Uint8Array.from([...source, 0, 0, 0, 32, 0, 0, 0, 58]), solicitation);
    solicitation.set([sum >> 8, sum & 255], 2);
    const inner = Uint8Array.from([0x60, 0, 0, 0, 0, 32, 58, 255, ...source, ...solicitation]);
    for (const sid of ['fcff:1::ef3', 'fcff:1::d60']) await rig.send('mem0', outer(sid, [], 41, inner));
    assert.deepEqual(rig.rig.all('mem0'), []);
    assert.doesNotMatch(await rig.rig.command('ndp -an'), /fe80::99/);
  });
  it('B53 End.DX2: an 802.3 length, a frame that is too long or too short, an interface that is down', async () => {
    for (const [inner, reason] of [
      [frame(HOST, HOST, { type: 0x05ff }), 'srv6-upper'],
      [frame(HOST, HOST).subarray(0, 13), 'srv6-upper'],
    ] as const) {
      const drops = await rig.rig.dropsOf(() => rig.send('mem0', outer('fcff:1::d2', [], 143, inner)));
      assert.deepEqual(drops, { [reason]: 1 });
    }
    await rig.rig.command('ifconfig mem1 mtu 1280');
    const drops = await rig.rig.dropsOf(() =>
      rig.send('mem0', outer('fcff:1::d2', [], 143, frame(HOST, HOST, { length: 1295 }))),
    );
    assert.deepEqual(drops, { 'too-big': 1 });
    await rig.rig.command('ifconfig mem1 mtu 1500', 'ifconfig mem2 down');
    const down = await rig.rig.dropsOf(() => rig.send('mem0', outer('fcff:1::d22', [], 143, frame(HOST, HOST))));
    assert.deepEqual(down, { notrunning: 1 });
    // But for announcements of the port's own addresses, whose time may come here.
    assert.deepEqual(rig.rig.take('mem1'), []);
  });
  it('B54 End.DX4: to its next hop whatever the inner destination, and of 0.0.0.0 by that', async () => {
    const got = await sent(outer('fcff:1::d4', [srh(['fcff:1::d4'], 0)], 4, INNER));
    assert.deepEqual(got, { packet: FORWARDED, to: 0xfe });
    const by = udpPacket('10.0.0.1', '192.0.2.2');
    assert.deepEqual((await sent(outer('fcff:1::d40', [], 4, by))).packet, afterHops(by, 1));
  });
  it('B54 a next hop that nobody knows yet is asked for, and not the inner destination; the packet waits', async () => {
    for (const [sid, inner, to, inside, [from, end]] of [
      ['fcff:1::d47', INNER, '192.0.2.77', '10.0.0.2', [38, 42]],
      ['fcff:1::d67', udpPacket('cafe::1', 'fd00::9'), '2001:db8:c::78', 'fd00::9', [62, 78]],
    ] as const) {
      rig.rig.forget();
      await rig.send('mem0', outer(sid, [], inner[0] >> 4 === 4 ? 4 : 41, inner));
      const asked = rig.rig.all('mem0').map((bytes) => [...bytes.subarray(from, end)].join());
      assert.ok(asked.includes(addressBytes(to).join()));
      assert.ok(!asked.includes(addressBytes(inside).join()));
      rig.rig.neighbour('mem0', to, Uint8Array.of(2, 0, 0, 0, 0, 0x78));
      await rig.rig.settle();
      // On a busy machine it may have been asked for twice by now.
      const left = rig.take('mem0').map((packet) => [...packet].join());
      assert.ok(left.includes([...afterHops(inner, 1)].join()), 'it has waited');
    }
  });
  it('B54 End.DX6: likewise', async () => {
    const inner = udpPacket('cafe::1', 'fd00::9');
    const got = await sent(outer('fcff:1::d6', [], 41, inner));
    assert.deepEqual(got, { packet: afterHops(inner, 1), to: 0xfd });
    const by = await sent(outer('fcff:1::d60', [], 41, inner));
    assert.deepEqual(by, { packet: afterHops(inner, 1), to: 0xfe });
  });
  const inner6 = udpPacket('cafe::2', 'cafe::1');
  it('B56 End.DT6 by a table touches no VRF, by a VRF it enters that', async () => {
    const received = (): number => {
      const { router } = rig.rig;
      return total(router.memory.views, router.table.get('vrf-100').index, Lane.IPACKETS);
    };
    const before = received();
    await rig.send('mem0', outer('fcff:1::d62', [], 41, inner6));
    assert.deepEqual(rig.out(), { mem1: [afterHops(inner6, 1)] });
    assert.equal(received(), before);
    await rig.send('mem0', outer('fcff:1::d63', [srh(['fcff:1::d63'], 0)], 41, inner6));
    assert.deepEqual(rig.out(), { mem1: [afterHops(inner6, 1)] });
    assert.equal(received(), before + 1);
  });
  it('B57 End.DT46: both families, and nothing else', async () => {
    await rig.send('mem0', outer('fcff:1::d46', [], 4, INNER), outer('fcff:1::d46', [], 41, inner6));
    assert.deepEqual(rig.out(), { mem1: [FORWARDED, afterHops(inner6, 1)] });
    assert.deepEqual(await answer(outer('fcff:1::d46', [], 6, DATA)), [4, 4, 40]);
  });

  it('B58 PSP: the SRH goes with the last segment but one, behind other headers too', async () => {
    const { packet } = await sent(onPath(['fcff:1::ef1', NEXT], 1));
    assert.deepEqual(packet, outer(NEXT, [], 17, DATA, { hl: 63 }));
    const behind = await sent(onPath(['fcff:1::ef1', NEXT], 1, [options(60)]));
    assert.deepEqual(behind.packet, outer(NEXT, [options(60)], 17, DATA, { hl: 63 }));
  });
  it('B58 PSP: two left become one, and the SRH stays', async () => {
    const path = ['fcff:1::ef1', NEXT, BEYOND];
    assert.deepEqual((await sent(onPath(path, 2))).packet, outer(NEXT, [srh(path, 1)], 17, DATA, { hl: 63 }));
  });
  it('B58 PSP behind a fragment header: dropped', async () => {
    const drops = await rig.rig.dropsOf(() => rig.send('mem0', onPath(['fcff:1::ef1', NEXT], 1, [fragment()])));
    assert.deepEqual(drops, { 'srv6-header': 1 });
  });
  it('B59 PSP of End.X; USP, and USD of either family', async () => {
    const { packet, to } = await sent(onPath(['fcff:1::e5', NEXT], 1));
    assert.deepEqual([packet, to], [outer(NEXT, [], 17, DATA, { hl: 63 }), 0xfd]);
    const used = outer('fcff:1::ef2', [srh([NEXT, 'fcff:1::ef2'], 0)], 17, DATA);
    const error = icmp6((await sent(used)).packet);
    assert.deepEqual([error.type, error.code, error.rest], [4, 4, 40], 'the SRH is gone by then');
    const four = udpPacket('10.0.0.1', '192.0.2.2');
    const six = udpPacket('cafe::1', 'fd00::9');
    for (const sid of ['fcff:1::ef3', 'fcff:1::ef4']) {
      for (const headers of [[], [srh([NEXT, sid], 0)]]) {
        assert.deepEqual((await sent(outer(sid, headers, 4, four))).packet, afterHops(four, 1));
        assert.deepEqual((await sent(outer(sid, headers, 41, six))).packet, afterHops(six, 1));
      }
    }
    assert.deepEqual(await answer(outer('fcff:1::ef3', [], 17, DATA)), [4, 4, 40]);
  });

  it('B14 with srv6.ecn=rfc6040 what any SID takes out hears of congestion; what End passes is as it was', async () => {
    await rig.rig.command('sysctl srv6.ecn=rfc6040');
    const tc = 3;
    const six = udpPacket('cafe::1', 'fd00::9');
    const heard6 = Uint8Array.from(afterHops(six, 1));
    six[1] |= 0x20;
    heard6[1] |= 0x30;
    const four = Uint8Array.from(INNER);
    four[1] = 1;
    const heard4 = Uint8Array.from(INNER);
    heard4[1] = 3;
    for (const sid of ['fcff:1::d6', 'fcff:1::d60', 'fcff:1::ef3']) {
      assert.deepEqual((await sent(outer(sid, [], 41, six, { tc }))).packet, heard6, sid);
    }
    assert.deepEqual((await sent(outer('fcff:1::d4', [], 4, afterHops(four, 0), { tc }))).packet, afterHops(heard4, 1));
    const into = Uint8Array.from(inner6);
    into[1] |= 0x20;
    const out = Uint8Array.from(afterHops(inner6, 1));
    out[1] |= 0x30;
    for (const sid of ['fcff:1::d46', 'fcff:1::d62', 'fcff:1::d63']) {
      await rig.send('mem0', outer(sid, [], 41, into, { tc }));
      assert.deepEqual(rig.out(), { mem1: [out] }, sid);
    }
    for (const sid of ['fcff:1::ef3', 'fcff:1::d46']) {
      const drops = await rig.rig.dropsOf(() => rig.send('mem0', outer(sid, [], 41, inner6, { tc })));
      assert.deepEqual(drops, { 'srv6-ecn': 1 }, sid);
    }
    const passed = outer(NEXT, [srh([END, NEXT], 0)], 17, DATA, { hl: 63, tc });
    assert.deepEqual((await sent(outer(END, [srh([END, NEXT], 1)], 17, DATA, { tc }))).packet, passed);
    await rig.rig.command('sysctl srv6.ecn=none');
  });

  it('B79 no redirect about what a SID has passed on or taken out, though it leaves where it came from', async () => {
    const redirects = async (packet: Uint8Array): Promise<number> => {
      await rig.send('mem0', packet);
      const frames = rig.rig.all('mem0').filter((frame) => frame[12] === 0x86 || frame[13] === 0);
      const told = frames.filter((f) => (f[12] === 8 ? f[23] === 1 && f[34] === 5 : f[20] === 58 && f[54] === 137));
      assert.ok(frames.length > told.length, 'it has gone on');
      return told.length;
    };
    const near = '2001:db8:c::3';
    await rig.rig.command('ip route add 198.51.100.0/24 via 192.0.2.2');
    for (const [n, source] of ['192.0.2.71', '192.0.2.72', '192.0.2.73'].entries()) {
      rig.rig.neighbour('mem0', source, Uint8Array.of(2, 0, 0, 0, 0, n));
      rig.rig.neighbour('mem0', `2001:db8:c::7${n}`, Uint8Array.of(2, 0, 0, 0, 0, n));
    }
    assert.equal(await redirects(outer('fcff:1::ef3', [], 4, udpPacket('192.0.2.71', '198.51.100.1'))), 0);
    assert.equal(await redirects(outer('fcff:1::d40', [], 4, udpPacket('192.0.2.72', '198.51.100.1'))), 0);
    assert.equal(await redirects(outer('fcff:1::d60', [], 41, udpPacket('2001:db8:c::70', near))), 0);
    const passed = outer(END, [srh([END, near], 1)], 17, DATA, { src: '2001:db8:c::71' });
    assert.equal(await redirects(passed), 0);
    assert.equal(await redirects(udpPacket('192.0.2.73', '198.51.100.1')), 1, 'but about any other packet');
    assert.equal(await redirects(udpPacket('2001:db8:c::72', near)), 1);
  });

  it('B59 USD of End.T: what is inside goes by the routes of its table, of either family', async () => {
    const usd = (inner: Uint8Array): Promise<void> =>
      rig.send('mem0', outer('fcff:1::101', [], inner[0] >> 4 === 4 ? 4 : 41, inner));
    await usd(INNER);
    await usd(inner6);
    assert.deepEqual(rig.out(), { mem1: [FORWARDED, afterHops(inner6, 1)] });
    for (const inner of [udpPacket('10.0.0.1', '10.1.1.9'), udpPacket('cafe::1', 'cafe:1::9')]) {
      await usd(inner);
      const { mem0 = [], ...others } = rig.out();
      assert.deepEqual(others, {});
      assert.deepEqual(
        (mem0[0] as Uint8Array).subarray(64),
        afterHops(inner, 1),
        'into the encapsulation of that table',
      );
    }
    const drops = await rig.rig.dropsOf(() => usd(udpPacket('10.0.0.1', '192.0.2.2')));
    assert.deepEqual(drops, { 'no-route': 1 }, 'which main has, and not that table');
    const echo = Uint8Array.from(INNER);
    echo.set([192, 0, 2, 2, 10, 0, 0, 254], 12);
    await usd(afterHops(echo, 0));
    const [answer] = rig.take('mem0');
    assert.deepEqual([...(answer as Uint8Array).subarray(12, 21)], [10, 0, 0, 254, 192, 0, 2, 2, 0], 'it is for us');
  });

  it('B61 a chain of SIDs of ours: sixteen are passed, and no more', async () => {
    const chain = (n: number): string[] => [...Array.from({ length: n }, (_, k) => `fcff:4::${k + 1}`), NEXT];
    const path = chain(16);
    const { packet } = await sent(onPath(path, path.length - 1));
    assert.equal(packet[43], 0, 'all are used');
    const drops = await rig.rig.dropsOf(() => rig.send('mem0', onPath(chain(17), 17)));
    assert.deepEqual(drops, { loop: 1 });
  });
});

describe('compat', () => {
  let rig: Srv6Rig;
  before(async () => {
    rig = await Srv6Rig.start((state) => {
      state.settings['srv6.compat'] = 'linux';
      state.routes.push(dt4(SID, 100, true), sidRoute(END, 128, 'mem0', { action: 'End' }));
    });
  });
  after(() => rig.stop());
  beforeEach(() => rig.rig.forget());

  const silent: readonly (readonly [string, Uint8Array, string])[] = [
    ['B3 segments left', outer(SID, [srh([SID, NEXT], 1)], 4, INNER), 'srv6-header'],
    ['B5 another upper layer', outer(SID, [], 17, DATA), 'srv6-upper'],
    ['B48 End with nothing left', outer(END, [srh([END], 0)], 17, DATA), 'srv6-upper'],
    ['B49 End with a malformed SRH', outer(END, [srh([NEXT], 2)], 17, DATA), 'srv6-header'],
    ['B50 End whose next segment is an address of ours', outer(END, [srh([END, OWN], 1)], 17, DATA), 'blackhole'],
  ];
  for (const [name, packet, reason] of silent) {
    it(`${name} (compat): dropped in silence`, async () => {
      const drops = await rig.rig.dropsOf(() => rig.send('mem0', packet));
      assert.deepEqual(drops, { [reason]: 1 });
      assert.deepEqual(rig.out(), {});
    });
  }
  it('B3 B5 B26 (compat): each is an error of its SID, and no packet', async () => {
    const was = rig.counts(SID);
    for (const [name, packet] of silent) if (!name.includes('End')) await rig.send('mem0', packet);
    const now = rig.counts(SID);
    assert.ok(was !== undefined && now !== undefined);
    assert.deepEqual(now, { packets: was.packets, bytes: was.bytes, errors: was.errors + 2 });
  });
  it('B8 a malformed SRH (compat): decapsulated as if there were none', async () => {
    await rig.send('mem0', outer(SID, [srh([SID], 0, { 4: 1 })], 4, INNER));
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] });
  });
  it('B47 End with a hop limit of 1 (compat): the quoted packet has the next destination', async () => {
    await rig.send('mem0', outer(END, [srh([END, NEXT], 1)], 17, DATA, { hl: 1 }));
    const { type, quoted } = icmp6(rig.take('mem0')[0] as Uint8Array);
    assert.equal(type, 3);
    assert.deepEqual([...quoted.subarray(24, 40)], addressBytes(NEXT));
  });
});

describe('the HMAC policy', () => {
  let rig: Srv6Rig;
  before(async () => {
    rig = await Srv6Rig.start((state) => {
      state.routes.push(dt4(SID, 100, true));
      state.seg6.hmacs.push(
        { id: 41, algorithm: 'sha1', secret: 'secret' },
        { id: 42, algorithm: 'sha256', secret: 'secret' },
      );
    });
  });
  after(() => rig.stop());
  beforeEach(() => rig.rig.forget());

  const policy = (value: -1 | 0 | 1 | 2): Promise<void> =>
    rig.edit((state) => {
      const core = state.interfaces.get('mem0');
      assert.ok(core !== undefined);
      core.seg6RequireHmac = value;
    });

  /** A packet whose SRH has an HMAC TLV, made here. */
  function signed(id: number, flip = -1): Uint8Array {
    const text = [...addressBytes(SOURCE), 0, 8, 0, 0, 0, id, ...addressBytes(SID)];
    const digest = createHmac(id === 41 ? 'sha1' : 'sha256', 'secret')
      .update(Uint8Array.from(text))
      .digest();
    const tlv = Uint8Array.from([5, 38, 0, 0, 0, 0, 0, id, ...digest, ...new Uint8Array(32 - digest.length)]);
    if (flip >= 0) tlv[8 + (flip >> 3)] = (tlv[8 + (flip >> 3)] as number) ^ (1 << (flip & 7));
    const header: Header = [43, (next) => Uint8Array.from([next, 7, 4, 0, 0, 8, 0, 0, ...addressBytes(SID), ...tlv])];
    return outer(SID, [header], 4, INNER);
  }

  const cases = [
    ['without an SRH', outer(SID, [], 4, INNER), { '-1': true, 0: true, 1: true, 2: false }],
    ['without an SRH, behind options', outer(SID, [options(60)], 4, INNER), { '-1': true, 0: true, 1: true, 2: false }],
    ['without an HMAC', outer(SID, [srh([SID], 0)], 4, INNER), { '-1': true, 0: true, 1: false, 2: false }],
    ['with the SHA-256 of the vector', signed(42), { '-1': true, 0: true, 1: true, 2: true }],
    ['with the SHA-1 of the vector', signed(41), { '-1': true, 0: true, 1: true, 2: true }],
    ['with a flipped bit', signed(42, 100), { '-1': true, 0: false, 1: false, 2: false }],
    ['with an unknown key', signed(43), { '-1': true, 0: false, 1: false, 2: false }],
  ] as const;
  for (const value of [-1, 0, 1, 2] as const) {
    it(`B29, B30, B31 seg6_require_hmac=${value}`, async () => {
      await policy(value);
      for (const [name, packet, expected] of cases) {
        const takes = expected[`${value}`];
        const drops = await rig.rig.dropsOf(() => rig.send('mem0', packet));
        assert.deepEqual(drops, takes ? {} : { 'srv6-hmac': 1 }, name);
        assert.deepEqual(rig.out(), takes ? { mem1: [FORWARDED] } : {}, name);
      }
    });
  }

  it('keys come and go while packets are checked', async () => {
    await policy(1);
    await rig.edit((state) => void state.seg6.hmacs.splice(1, 1));
    const drops = await rig.rig.dropsOf(() => rig.send('mem0', signed(42), signed(41)));
    assert.deepEqual(drops, { 'srv6-hmac': 1 });
    await rig.edit((state) => void state.seg6.hmacs.splice(0));
    await rig.send('mem0', signed(41));
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] }, 'while there was a key');
  });

  it('of more than a burst has time for, the rest is dropped', async () => {
    await rig.edit((state) => void state.seg6.hmacs.push({ id: 42, algorithm: 'sha256', secret: 'secret' }));
    const drops = await rig.rig.dropsOf(() => rig.send('mem0', ...Array.from({ length: 60 }, () => signed(42))));
    const passed = rig.take('mem1').length;
    assert.equal(passed + (drops['srv6-hmac-budget'] ?? 0), 60);
    assert.ok(passed >= 32);
  });
});
