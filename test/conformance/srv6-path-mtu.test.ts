/**
 * What routers of the core say of outer packets (spec B §2.8 item 12, §5.6; RFC 2473 §8): the MTU of a path, and what the sender of the
 * packet inside hears.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { icmp, sum6 } from '../support/fake-stack.js';
import { dt4, encapRoute, icmp4, icmp6, outer, SID, SOURCE, Srv6Rig, srh } from '../support/srv6-rig.js';
import { addressBytes, afterHops, udpPacket } from '../support/udp-packet.js';

const ROUTER = '2001:db8:c::9';
const PATH = ['fcff:3::e', 'fcff:3:1::e', 'fcff:2::d46'];
const TOO_BIG = 2;

/** An ICMPv6 error of a router of the core about an outer packet. */
function told(type: number, code: number, rest: number, about: Uint8Array, most = 1232, to = SOURCE): Uint8Array {
  const message = icmp(type, code, rest, about.subarray(0, most));
  return outer(to, [], 58, sum6(ROUTER, to, 58, message), { src: ROUTER });
}

/** A UDP packet of so many bytes. */
function whole(to: string, bytes: number, df = true): Uint8Array {
  const four = !to.includes(':');
  const payload = Uint8Array.from({ length: bytes - (four ? 28 : 48) }, (_, k) => k);
  const packet = udpPacket(four ? '10.0.0.1' : 'cafe::1', to, { payload });
  if (!four) return packet;
  packet[6] = df ? 0x40 : 0;
  return afterHops(packet, 0);
}

describe('errors about outer packets', () => {
  let rig: Srv6Rig;
  before(async () => {
    rig = await Srv6Rig.start((state) => {
      state.settings['net.ipv6.seg6_flowlabel'] = -1;
      state.interfaces.get('mem0')?.addresses.push({ family: 'inet6', address: SOURCE, length: 128, destination: '' });
      state.routes.push(
        dt4(SID, 200),
        encapRoute(100, '10.1.1.0/24', ['fcff:2:1::']),
        encapRoute(100, '10.2.1.0/24', ['fcff:2:1::'], { mode: 'encap.red' }),
        encapRoute(100, '10.1.2.0/24', ['fcff:2:2::']),
        encapRoute(100, '10.1.3.0/24', PATH, { mode: 'encap.red' }),
        encapRoute(100, '10.1.4.0/24', ['fcff:2:4::']),
        encapRoute(100, '10.1.5.0/24', ['fcff:2:5::']),
        encapRoute(200, '10.1.5.0/24', ['fcff:2:5::']),
        encapRoute(100, '10.1.6.0/24', ['fcff:2:6::']),
        encapRoute(100, '10.1.7.0/24', ['fcff:3::e', 'fcff:2:7::']),
        encapRoute(100, 'cafe:1::/48', ['fcff:2:8::']),
      );
    });
  });
  after(() => rig.stop());
  beforeEach(() => rig.rig.forget());

  /** What a packet of tenant 100 becomes on the core. */
  async function core(packet: Uint8Array): Promise<Uint8Array[]> {
    await rig.send('mem1', packet);
    const { mem0 = [], ...others } = rig.out();
    assert.deepEqual(others, {});
    return mem0;
  }

  /** What comes to tenant 100 alone of a packet sent into a port. */
  async function heard(port: string, packet: Uint8Array): Promise<Uint8Array | undefined> {
    await rig.send(port, packet);
    const { mem1 = [], ...others } = rig.out();
    assert.deepEqual(others, {});
    assert.ok(mem1.length < 2);
    return mem1[0];
  }

  it('B70 Packet Too Big lowers the MTU of the path, and the sender inside hears of it', async () => {
    const packet = whole('10.1.1.9', 1420);
    const [sent] = await core(packet);
    assert.equal(sent?.length, 1484);
    const answer = icmp4((await heard('mem0', told(TOO_BIG, 0, 1400, sent as Uint8Array))) as Uint8Array);
    assert.deepEqual([answer.type, answer.code, answer.rest], [3, 4, 1400 - 64]);
    assert.deepEqual(answer.quoted, afterHops(packet, 1).subarray(0, 548));
    // From now on the head end says it itself, of all that goes that way.
    const again = icmp4((await heard('mem1', packet)) as Uint8Array);
    assert.deepEqual([again.type, again.code, again.rest], [3, 4, 1400 - 64]);
    const reduced = icmp4((await heard('mem1', whole('10.2.1.9', 1361))) as Uint8Array);
    assert.deepEqual([reduced.type, reduced.code, reduced.rest], [3, 4, 1400 - 40]);
    assert.equal((await core(whole('10.1.1.9', 1336)))[0]?.length, 1400);
    assert.equal((await core(whole('10.1.2.9', 1420)))[0]?.length, 1484, 'another path');
    // One that is put in anew has it too; it only ever goes down.
    await rig.edit((state) => {
      state.routes.push(encapRoute(100, '10.3.1.0/24', ['fcff:2:1::']));
    });
    await heard('mem0', told(TOO_BIG, 0, 1450, sent as Uint8Array));
    assert.equal(icmp4((await heard('mem1', whole('10.3.1.9', 1400))) as Uint8Array).rest, 1336);
  });

  it('B70 without DF nobody hears, and the next packet is cut to fit', async () => {
    const packet = whole('10.1.2.9', 1420, false);
    const [sent] = await core(packet);
    assert.equal(await heard('mem0', told(TOO_BIG, 0, 1300, sent as Uint8Array)), undefined);
    const parts = await core(packet);
    assert.equal(parts.length, 2);
    for (const part of parts) assert.ok(part.length <= 1300);
  });

  it('B70 never below 1280, and IPv6 hears of no less', async () => {
    const packet = whole('cafe:1::9', 1400);
    const [sent] = await core(packet);
    const { type, rest, quoted } = icmp6((await heard('mem0', told(TOO_BIG, 0, 68, sent as Uint8Array))) as Uint8Array);
    assert.deepEqual([type, rest], [TOO_BIG, 1280]);
    assert.deepEqual(quoted, afterHops(packet, 1).subarray(0, 1232 - 64), 'what was quoted of it');
    assert.equal(icmp6((await heard('mem1', packet)) as Uint8Array).rest, 1280);
  });

  it('B70 of a path with nodes on it, wherever it was dropped', async () => {
    const packet = whole('10.1.3.9', 1400);
    const [sent] = await core(packet);
    // Behind the first node: the second segment is active.
    const inner = (sent as Uint8Array).subarray(80);
    const [, second, last] = PATH as [string, string, string];
    const quoted = outer(second, [srh([second, last], 1)], 4, inner, { hl: 60 });
    assert.equal(icmp4((await heard('mem0', told(TOO_BIG, 0, 1440, quoted))) as Uint8Array).rest, 1440 - 80);
    // Behind the last but one, which has taken the SRH off.
    const bare = outer(last, [], 4, inner, { hl: 59 });
    assert.equal(icmp4((await heard('mem0', told(TOO_BIG, 0, 1380, bare))) as Uint8Array).rest, 1380 - 80);
    assert.equal(icmp4((await heard('mem1', packet)) as Uint8Array).rest, 1380 - 80);
    // Not by a list that no route has, nor at a node that is not on it.
    for (const [to, path] of [
      [second, [PATH[0] as string, last]],
      ['fcff:3:2::e', [second, last]],
    ] as const) {
      const other = outer(to, [srh(path, 1)], 4, inner);
      assert.equal(await heard('mem0', told(TOO_BIG, 0, 1300, other)), undefined);
    }
    assert.equal(icmp4((await heard('mem1', packet)) as Uint8Array).rest, 1380 - 80);
  });

  it('B70 nothing is believed that is not about a packet of ours', async () => {
    const packet = whole('10.1.4.9', 1420);
    const [sent] = (await core(packet)) as [Uint8Array];
    const strange = Uint8Array.from(sent);
    strange.set(addressBytes('fd00::7'), 8);
    const elsewhere = Uint8Array.from(sent);
    elsewhere.set(addressBytes('fcff:2:99::'), 24);
    for (const quoted of [strange, elsewhere, sent.subarray(0, 60), sent.subarray(64)]) {
      assert.equal(await heard('mem0', told(TOO_BIG, 0, 1300, quoted)), undefined);
    }
    // From a tenant who has our address as one of his own.
    await rig.edit((state) => {
      state.interfaces.get('mem1')?.addresses.push({ family: 'inet6', address: SOURCE, length: 128, destination: '' });
    });
    await rig.rig.usable();
    rig.rig.forget();
    assert.equal(await heard('mem1', told(TOO_BIG, 0, 1300, sent)), undefined);
    assert.equal((await core(packet))[0]?.length, 1484);
    // Too little of the packet inside: the MTU is believed, but whose it was is not known.
    assert.equal(await heard('mem0', told(TOO_BIG, 0, 1300, sent.subarray(0, 90))), undefined);
    assert.equal(icmp4((await heard('mem1', packet)) as Uint8Array).rest, 1300 - 64);
  });

  it('B17 of a path that two tenants take neither hears', async () => {
    const packet = whole('10.1.5.9', 1420);
    const [sent] = await core(packet);
    await rig.send('mem0', told(TOO_BIG, 0, 1300, sent as Uint8Array));
    assert.deepEqual(rig.out(), {});
    assert.equal(icmp4((await heard('mem1', packet)) as Uint8Array).rest, 1300 - 64);
  });

  it('other errors: the sender inside hears that the other end cannot be reached', async () => {
    const packet = whole('10.1.6.9', 100);
    const [sent] = (await core(packet)) as [Uint8Array];
    for (const [type, code] of [
      [1, 0],
      [3, 0],
      [4, 4],
    ] as const) {
      const answer = icmp4((await heard('mem0', told(type, code, 0, sent))) as Uint8Array);
      assert.deepEqual([answer.type, answer.code], [3, 1]);
      assert.deepEqual(answer.quoted, afterHops(packet, 1));
    }
    const six = whole('cafe:1::9', 100);
    const [sent6] = await core(six);
    const answer = icmp6((await heard('mem0', told(1, 3, 0, sent6 as Uint8Array))) as Uint8Array);
    assert.deepEqual([answer.type, answer.code], [1, 3]);
  });

  it('an error about an error goes to nobody', async () => {
    const unreachable = icmp(3, 1, 0, whole('10.0.0.1', 60));
    const bytes = Uint8Array.from([...udpPacket('10.0.0.1', '10.1.6.9', { payload: new Uint8Array(60) })]);
    bytes[9] = 1;
    bytes.set(unreachable.subarray(0, 68), 20);
    const [sent] = await core(afterHops(bytes, 0));
    assert.equal(await heard('mem0', told(1, 0, 0, sent as Uint8Array)), undefined);
  });
});
