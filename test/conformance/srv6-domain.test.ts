/**
 * The edge of an SR domain, and segment routing headers at addresses of ours that are no SIDs (spec B §1.8; RFC 8754 §4.3.2, §5.1).
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { sysctl } from '../../src/main/cli/sysctl.js';
import { runningLines } from '../../src/main/config/running.js';
import { emptyState, newInterface, type State } from '../../src/main/config/state.js';
import { dt4, FORWARDED, type Header, INNER, icmp6, outer, SID, SOURCE, Srv6Rig, srh } from '../support/srv6-rig.js';
import { addressBytes, udpPacket } from '../support/udp-packet.js';

const OWN = '2001:db8:c::1';
/** Behind the core, by way of its neighbour. */
const NEXT = 'fcff:2::1';
const DATA = Uint8Array.from([0x10, 0, 0, 9, 0, 10, 0, 0, 1, 2]);

describe('the edge of an SR domain', () => {
  let rig: Srv6Rig;
  before(async () => {
    rig = await Srv6Rig.start((state) => {
      state.routes.push(dt4(SID, 100, true));
      sysctl({ state, actions: [] }, ['srv6.block=fc00:12::/32,fcff:3::/32', 'net.ipv6.conf.mem2.seg6_edge=1']);
    });
  });
  after(() => rig.stop());
  beforeEach(() => rig.rig.forget());

  it('a SID of the domain, ours or another node’s: dropped at an edge, taken elsewhere', async () => {
    const away = outer('fcff:3::9', [], 17, DATA, { src: 'cafe::1' });
    for (const [port, packet] of [
      ['mem2', outer(SID, [], 4, INNER)],
      ['mem2', away],
    ] as const) {
      assert.deepEqual(await rig.rig.dropsOf(() => rig.send(port, packet)), { 'srv6-domain': 1 });
      assert.deepEqual(rig.out(), {});
    }
    await rig.send('mem0', outer(SID, [], 4, INNER));
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] });
  });

  it('what is no SID passes an edge', async () => {
    await rig.send('mem2', udpPacket('10.0.0.2', '10.0.0.1', {}));
    assert.deepEqual(Object.keys(rig.out()), ['mem2']);
    await rig.send('mem2', outer('cafe::2', [], 17, DATA, { src: 'cafe::1' }));
    assert.deepEqual(Object.keys(rig.out()), ['mem2']);
  });

  it('only nodes of the infrastructure may send to a local SID; a change holds at once, and none means everybody', async () => {
    const to = (prefixes: string): Promise<void> =>
      rig.edit((state) => sysctl({ state, actions: [] }, [`srv6.infrastructure=${prefixes}`]));
    const packet = outer(SID, [srh([SID], 0)], 4, INNER);
    await to('2001:db8:5::/48,fc00::/16');
    const before = rig.counts(SID);
    assert.deepEqual(await rig.rig.dropsOf(() => rig.send('mem0', packet)), { 'srv6-domain': 1 });
    assert.deepEqual(rig.out(), {});
    assert.equal(rig.counts(SID)?.errors, (before?.errors ?? 0) + 1);
    await to('2001:db8:5::/48,fd00::/127');
    await rig.send('mem0', packet);
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] }, SOURCE);
    await to('fd00::2/127');
    assert.deepEqual(await rig.rig.dropsOf(() => rig.send('mem0', packet)), { 'srv6-domain': 1 });
    await to('none');
    await rig.send('mem0', packet);
    assert.deepEqual(rig.out(), { mem1: [FORWARDED] });
  });
});

describe('an SRH at an address of ours', () => {
  let rig: Srv6Rig;
  before(async () => {
    rig = await Srv6Rig.start();
  });
  after(() => rig.stop());
  beforeEach(() => rig.rig.forget());

  const set = (...words: string[]): Promise<void> => rig.edit((state) => sysctl({ state, actions: [] }, words));
  const at = (headers: readonly Header[], protocol: number, payload: Uint8Array, hl = 64): Uint8Array =>
    outer(OWN, headers, protocol, payload, { hl });
  /** The one ICMPv6 message that comes back. */
  async function answered(packet: Uint8Array): Promise<readonly number[]> {
    await rig.send('mem0', packet);
    const out = rig.take('mem0');
    assert.equal(out.length, 1);
    const { type, code, rest } = icmp6(out[0] as Uint8Array);
    return [type, code, rest];
  }

  it('RFC 8754: with segments left a Parameter Problem at the routing type; with none it is passed', async () => {
    assert.deepEqual(await answered(at([srh([OWN, NEXT], 1)], 17, DATA)), [4, 0, 42]);
    // Nobody knows the protocol: the upper layer was reached.
    assert.deepEqual(await answered(at([srh([OWN], 0)], 253, DATA)), [4, 1, 40]);
  });

  it('Linux, seg6_enabled not of all or not of the port: dropped in silence', async () => {
    await set('srv6.compat=linux');
    for (const [all, port] of [
      [0, 0],
      [0, 1],
      [1, 0],
    ]) {
      await set(`net.ipv6.conf.all.seg6_enabled=${all}`, `net.ipv6.conf.mem0.seg6_enabled=${port}`);
      for (const left of [0, 1]) {
        const packet = at([srh([OWN, NEXT], left)], 17, DATA);
        assert.deepEqual(await rig.rig.dropsOf(() => rig.send('mem0', packet)), { 'srv6-header': 1 });
        assert.deepEqual(rig.out(), {});
      }
    }
  });

  describe('Linux, enabled', () => {
    before(() => set('srv6.compat=linux', 'net.ipv6.conf.all.seg6_enabled=1', 'net.ipv6.conf.mem0.seg6_enabled=1'));

    it('on to the next segment', async () => {
      await rig.send('mem0', at([srh([OWN, NEXT], 1)], 17, DATA));
      const [packet] = rig.take('mem0');
      assert.deepEqual([...(packet as Uint8Array).subarray(24, 40)], addressBytes(NEXT));
      assert.equal(packet?.[7], 63);
      assert.equal(packet?.[43], 0);
    });
    it('through two addresses of ours each of which is a hop', async () => {
      await rig.send('mem0', at([srh([OWN, OWN, NEXT], 2)], 17, DATA));
      assert.equal(rig.take('mem0')[0]?.[7], 62);
      assert.deepEqual((await answered(at([srh([OWN, OWN, NEXT], 2)], 17, DATA, 1))).slice(0, 2), [3, 0]);
    });
    it('more segments left than there are: a Parameter Problem at Segments Left', async () => {
      assert.deepEqual(await answered(at([srh([OWN], 1)], 17, DATA)), [4, 0, 43]);
    });
    it('the last segment: an inner packet is as received by the port, anything else is ours', async () => {
      await rig.send('mem0', at([srh([OWN], 0)], 4, udpPacket('192.0.2.9', '192.0.2.2', {})));
      assert.equal(rig.take('mem0')[0]?.[8], 63, 'routed, its TTL one less');
      await rig.send('mem0', at([srh([OWN], 0)], 41, outer(NEXT, [], 17, DATA)));
      assert.deepEqual([...(rig.take('mem0')[0] as Uint8Array).subarray(24, 40)], addressBytes(NEXT));
      assert.deepEqual(await answered(at([srh([OWN], 0)], 253, DATA)), [4, 1, 40]);
    });
    it('an HMAC that is required and missing: dropped', async () => {
      await set('net.ipv6.conf.mem0.seg6_require_hmac=1');
      const packet = at([srh([OWN, NEXT], 1)], 17, DATA);
      assert.deepEqual(await rig.rig.dropsOf(() => rig.send('mem0', packet)), { 'srv6-hmac': 1 });
      await set('net.ipv6.conf.mem0.seg6_require_hmac=0');
    });
  });
});

describe('the words', () => {
  const state = (...words: string[]): State => {
    const made = emptyState();
    made.interfaces.set('mem0', newInterface('mem0', 'mem'));
    sysctl({ state: made, actions: [] }, words);
    return made;
  };

  it('what is set shows again', () => {
    const words = ['srv6.block=fc00:12::/32,fcff::/16', 'srv6.infrastructure=::/0', 'net.ipv6.conf.mem0.seg6_edge=1'];
    const lines = runningLines(state(...words, 'net.ipv6.conf.all.seg6_enabled=1'));
    for (const word of [...words, 'net.ipv6.conf.all.seg6_enabled=1'])
      assert.ok(lines.includes(`sysctl ${word}`), word);
    assert.ok(!runningLines(state('srv6.block=none')).some((line) => line.includes('srv6.block')));
  });
  for (const bad of [
    '',
    'fc00::',
    'fc00::/129',
    'fc00::1/64',
    '10.0.0.0/8',
    'fc00::/16,',
    `fc00::/16${',fc00::/16'.repeat(8)}`,
  ]) {
    it(`no list of prefixes: "${bad}"`, () => {
      assert.throws(() => state(`srv6.block=${bad}`), { code: 'EINVAL' });
    });
  }
});
