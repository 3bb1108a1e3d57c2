/**
 * Next hops of SRv6 routes: outer headers as the golden packets of spec B §1.1 have them, and the counters of SIDs.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encapNextHop, overheadOf, SidCounters, sidNextHop } from '../../../../src/main/control/srv6.js';
import { SidCount, sidLane } from '../../../../src/shared/layout/counters.js';
import { NextHopKind, type NextHopSpec } from '../../../../src/shared/table/next-hop.js';
import { EncapFlag, SidAction, SidFlavor } from '../../../../src/shared/table/sid.js';
import { OfflineRouter } from '../../../support/offline-router.js';

const SOURCE = 'fd00::1';
const plain = { tunsrc: '', underlay: 0, source: SOURCE, hmac: 0, table: 0 };
const hexOf = (spec: NextHopSpec): string =>
  Buffer.from(Int32Array.from(spec.header as readonly number[]).buffer).toString('hex');
const SA = 'fd000000000000000000000000000001';
const [S1, S2, S3] = ['fcff0001', 'fcff0002', 'fcff0003'].map((head) => `${head}${'0'.repeat(20)}000e`);
const segs = ['fcff:1::e', 'fcff:2::e', 'fcff:3::e'];

describe('the outer header', () => {
  const cases = [
    {
      name: 'of one segment',
      encap: { mode: 'encap', segs: ['fc00:12:100::6004'] },
      bytes: 64,
      srh: '3b 02 04 00 00 00 0000',
    },
    {
      name: 'of three: reversed, the first active',
      encap: { mode: 'encap', segs },
      bytes: 96,
      srh: '3b 06 04 02 02 00 0000',
    },
    { name: 'reduced, of three', encap: { mode: 'encap.red', segs }, bytes: 80, srh: '3b 04 04 02 01 00 0000' },
    { name: 'reduced, of one: no SRH', encap: { mode: 'encap.red', segs: ['fcff:1::e'] }, bytes: 40, srh: '' },
  ] as const;
  for (const { name, encap, bytes, srh } of cases) {
    it(name, () => {
      const spec = encapNextHop({ ...plain, ...encap });
      assert.equal(overheadOf({ ...encap, hmac: 0 }), bytes);
      assert.equal(spec.kind, NextHopKind.ENCAP);
      assert.equal(spec.flags, srh === '' ? 0 : EncapFlag.SRH);
      const text = hexOf(spec);
      assert.equal(text.length / 2, bytes);
      assert.equal(text.slice(16, 48), SA);
      assert.equal(text.slice(80, 96), srh.replaceAll(' ', ''));
    });
  }

  it('has the path in reverse, its first segment as destination', () => {
    const whole = hexOf(encapNextHop({ ...plain, mode: 'encap', segs }));
    assert.equal(whole.slice(48, 80), S1);
    assert.equal(whole.slice(96), `${S3}${S2}${S1}`);
    const reduced = hexOf(encapNextHop({ ...plain, mode: 'encap.red', segs }));
    assert.equal(reduced.slice(48, 80), S1);
    assert.equal(reduced.slice(96), `${S3}${S2}`);
  });

  it('keeps the SRH for an HMAC, with its key id and room for the digest', () => {
    const spec = encapNextHop({ ...plain, mode: 'encap.red', segs: segs.slice(0, 1), hmac: 42 });
    const text = hexOf(spec);
    assert.equal(spec.key, 42);
    assert.equal(text.slice(80, 96), '3b07040000080000');
    assert.equal(text.slice(96), `${S1}052600000000002a${'00'.repeat(32)}`);
  });

  it('that is longer than the room in front of a frame is refused', () => {
    const long = Array.from({ length: 12 }, (_, n) => `fcff:${n + 1}::e`);
    assert.throws(() => encapNextHop({ ...plain, mode: 'encap', segs: long }), { code: 'EINVAL' });
    assert.equal(encapNextHop({ ...plain, mode: 'encap', segs: long.slice(1) }).kind, NextHopKind.ENCAP);
  });
});

describe('a SID', () => {
  const sid = {
    ...({
      action: 'End.DT4',
      flavors: [],
      table: -1,
      vrftable: 100,
      vrf: 'vrf-100',
      nh4: '',
      nh6: '',
      oif: '',
    } as const),
    count: true,
  };
  it('remembers the VRF of now and the flavors', () => {
    const spec = sidNextHop(sid, 5, { index: 7, generation: 9 }, 3);
    const { kind, interface: index, generation, flags, counter, table } = spec;
    assert.deepEqual(
      [kind, index, generation, flags, counter, table],
      [NextHopKind.SID, 7, 9, SidAction.END_DT4 | SidFlavor.VRF | SidFlavor.VRF4, 3, 5],
    );
    const six = sidNextHop({ ...sid, action: 'End.DT6' }, 5, undefined, 0);
    assert.equal(six.flags, SidAction.END_DT6 | SidFlavor.VRF);
    const end = sidNextHop({ ...sid, action: 'End', flavors: ['psp', 'usd'], vrf: '', vrftable: -1 }, 5, undefined, 0);
    assert.equal(end.flags, SidAction.END | ((SidFlavor.PSP | SidFlavor.USD) << SidFlavor.SHIFT));
  });
  it('has the next hop of either family', () => {
    assert.deepEqual(sidNextHop({ ...sid, nh4: '10.0.0.1' }, 5, undefined, 0).gateway, [0x0a000001]);
    assert.deepEqual(sidNextHop({ ...sid, nh6: '2001:db8::1' }, 5, undefined, 0).gateway, [0x20010db8, 0, 0, 1]);
  });
});

describe('counters of SIDs', () => {
  it('are sums over the threads, 0 again for the next SID, and run out', () => {
    const { views } = new OfflineRouter(2).memory;
    const counters = new SidCounters(views);
    const one = counters.take();
    for (let thread = 0; thread < 2; thread++) {
      const at = sidLane(views.sizes.threads, thread, one);
      views.counters[at + SidCount.PACKETS] = 2;
      views.counters[at + SidCount.BYTES] = 300;
      views.counters[at + SidCount.ERRORS] = 1;
    }
    assert.deepEqual(counters.read(one), { packets: 4, bytes: 600, errors: 2 });
    counters.give(one);
    assert.equal(counters.take(), one);
    assert.deepEqual(counters.read(one), { packets: 0, bytes: 0, errors: 0 });
    assert.throws(
      () => {
        for (;;) counters.take();
      },
      { code: 'ENOMEM' },
    );
  });
});
