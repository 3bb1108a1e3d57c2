/** ECN out of a tunnel: the table of RFC 6040 §4.2, and that checksums follow. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { carryEcn, Ecn, ecnOut } from '../../../../src/shared/wire/ecn.js';
import { naiveChecksum } from '../../../support/naive-ip.js';

const { NOT_ECT, ECT1, ECT0, CE } = { NOT_ECT: Ecn.NOT_ECT, ECT1: Ecn.ECT1, ECT0: Ecn.ECT0, CE: Ecn.CE };
/** Figure 4 of the RFC: a row for each inner field, outer ones in the order Not-ECT, ECT(0), ECT(1), CE; -1 = dropped. */
const FIGURE_4: readonly (readonly [number, readonly number[]])[] = [
  [NOT_ECT, [NOT_ECT, NOT_ECT, NOT_ECT, -1]],
  [ECT0, [ECT0, ECT0, ECT1, CE]],
  [ECT1, [ECT1, ECT1, ECT1, CE]],
  [CE, [CE, CE, CE, CE]],
];
const OUTER = [NOT_ECT, ECT0, ECT1, CE];

/** An IPv6 packet of class `outer` around one of `version` and class `inner`; headers alone. */
function nested(outer: number, version: 4 | 6, inner: number): { u8: Uint8Array; u16: Uint16Array } {
  const u8 = new Uint8Array(80);
  u8.set([0x60 | (outer >> 4), (outer & 15) << 4]);
  if (version === 6) u8.set([0x60 | (inner >> 4), ((inner & 15) << 4) | 0xa, 0xbc, 0xde], 40);
  else {
    u8.set([0x45, inner, 0, 20, 1, 2, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 40);
    const sum = naiveChecksum(u8.subarray(40, 60));
    u8.set([sum >> 8, sum & 255], 50);
  }
  return { u8, u16: new Uint16Array(u8.buffer) };
}

for (const [inner, row] of FIGURE_4) {
  for (const [n, expected] of row.entries()) {
    const outer = OUTER[n] as number;
    test(`RFC 6040 §4.2: ${inner} behind ${outer} is ${expected}`, () => {
      assert.equal(ecnOut(inner, outer), expected);
      for (const version of [4, 6] as const) {
        const { u8, u16 } = nested(0xb8 | outer, version, 0x28 | inner);
        assert.equal(carryEcn(u8, u16, 0, 40, version), expected !== -1);
        const after = nested(0xb8 | outer, version, 0x28 | (expected === -1 ? inner : expected));
        assert.deepEqual(u8, after.u8, `IPv${version}`);
      }
    });
  }
}

test('a wrong checksum stays wrong', () => {
  const { u8, u16 } = nested(CE, 4, ECT0);
  u8[50] ^= 1;
  assert.equal(carryEcn(u8, u16, 0, 40, 4), true);
  assert.notEqual(naiveChecksum(u8.subarray(40, 60)), 0);
});
