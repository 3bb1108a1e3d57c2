/**
 * The Segment Routing Header on literal bytes (spec B §1.1, the golden packets among them), on broken ones, and random chains of
 * extension headers, which must never be read beyond their end.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Protocol } from '../../../../src/shared/wire/protocol.js';
import {
  Chain,
  ChainFault,
  checkSrh,
  findHmac,
  HMAC_TEXT_MOST,
  hmacKeyId,
  SrhFault,
  sameDigest,
  segmentAt,
  segmentsLeft,
  srhBytes,
  srhLength,
  walkChain,
  writeHmacText,
  writeSrh,
} from '../../../../src/shared/wire/srh.js';
import { AT, hex, place } from '../../../support/naive-ip.js';

const seed = Number(process.env.SMROUTER_SEED ?? 20261121);
const SA = 'fd000000000000000000000000000001';
const SID = 'fc000012010000000000000000006004';
const SRH = `04 02 04 00 00 00 0000 ${SID}`;
const INNER = '4500002400014000400126d60a0000010a000002 08005435123400016162636465666768';
const PAD1 = '00';

/** Header of an IPv6 packet with `next` and `payload` bytes. */
function header(next: number, payload: number): string {
  return `60000000 ${payload.toString(16).padStart(4, '0')} ${next.toString(16).padStart(2, '0')}40 ${SA}${SID}`;
}

/** The fault of a header of these bytes. */
function fault(bytes: string): SrhFault {
  const { u8 } = place(bytes);
  return checkSrh(u8, AT, hex(bytes).length);
}

/** The walk of a packet with these bytes behind its header. */
function walk(next: number, behind: string, lenient = false): { fault: ChainFault; words: number[] } {
  const payload = hex(behind).length;
  const { u8 } = place(header(next, payload) + behind);
  const out = new Int32Array(Chain.WORDS);
  const found = walkChain(u8, AT, payload, lenient, out);
  return { fault: found, words: [...out] };
}

describe('the SRH', () => {
  it('of the golden packet', () => {
    const { u8 } = place(SRH);
    assert.equal(checkSrh(u8, AT, 24), SrhFault.NONE);
    assert.equal(srhLength(u8, AT), 24);
    assert.equal(segmentsLeft(u8, AT), 0);
    assert.deepEqual(u8.slice(segmentAt(AT, 0), segmentAt(AT, 1)), hex(SID));
    assert.equal(findHmac(u8, AT), -1);
  });

  it('is written as the golden packet has it, and ends where it says', () => {
    const { u8 } = place('', 64);
    assert.equal(writeSrh(u8, AT, Protocol.IPV4, 1, 0, 0), srhBytes(1, false));
    u8.set(hex(SID), segmentAt(AT, 0));
    assert.deepEqual(u8.slice(AT, AT + 24), hex(SRH));
    assert.equal(u8[AT + 24], 0xee);
  });

  it('reduced has one segment left more than it carries', () => {
    const { u8 } = place('', 64);
    writeSrh(u8, AT, Protocol.IPV6, 2, 2, 0);
    assert.deepEqual(u8.slice(AT, AT + 8), hex('29 04 04 02 01 00 0000'));
    assert.equal(checkSrh(u8, AT, 40), SrhFault.NONE);
    u8[AT + 3] = 3;
    assert.equal(checkSrh(u8, AT, 40), SrhFault.SEGMENTS_LEFT);
  });

  const faults: readonly (readonly [string, string, SrhFault])[] = [
    ['cut off', SRH.slice(0, -2), SrhFault.CUT],
    ['shorter than its first eight bytes', '04 02 04 00', SrhFault.CUT],
    ['of type 0', SRH.replace('04 02 04', '04 02 00'), SrhFault.TYPE],
    [
      'with a segment that its length has no room for',
      SRH.replace('00 00 00 0000', '00 01 00 0000'),
      SrhFault.LAST_ENTRY,
    ],
    ['without room for one segment', '04 00 04 00 00 00 0000', SrhFault.LAST_ENTRY],
    ['with two segments left of one', SRH.replace('04 00 00', '04 02 00'), SrhFault.SEGMENTS_LEFT],
    ['with padding of single bytes', `04 03 04 00 00 00 0000 ${SID} ${PAD1.repeat(8)}`, SrhFault.NONE],
    ['with PadN', `04 03 04 00 00 00 0000 ${SID} 04 06 000000000000`, SrhFault.NONE],
    ['with an unknown TLV', `04 03 04 00 00 00 0000 ${SID} 7c 06 010203040506`, SrhFault.NONE],
    ['with a TLV that leads out of it', `04 03 04 00 00 00 0000 ${SID} 04 07 000000000000`, SrhFault.TLV],
    ['with a TLV that has no length', `04 03 04 00 00 00 0000 ${SID} ${PAD1.repeat(7)} 04`, SrhFault.TLV],
    ['with an HMAC of another length', `04 03 04 00 00 00 0000 ${SID} 05 06 000000000000`, SrhFault.TLV],
  ];
  for (const [name, bytes, expected] of faults) it(name, () => assert.equal(fault(bytes), expected));
});

describe('the HMAC TLV', () => {
  /** The vector's header, with `pads` bytes of padding in front of the TLV or behind it. */
  function signed(): Uint8Array {
    const { u8 } = place(header(43, 64), 256);
    writeSrh(u8, AT + 40, Protocol.IPV4, 1, 0, 42);
    u8.set(hex(SID), segmentAt(AT + 40, 0));
    return u8;
  }
  const text = `${SA} 00 08 0000002a ${SID}`;

  it('is over the source, last entry, flags, key id and segments', () => {
    const u8 = signed();
    const tlv = findHmac(u8, AT + 40);
    assert.equal(tlv, AT + 64);
    assert.equal(hmacKeyId(u8, tlv), 42);
    const out = new Uint8Array(HMAC_TEXT_MOST);
    const length = writeHmacText(out, u8, AT, AT + 40, tlv);
    assert.deepEqual(out.slice(0, length), hex(text));
  });

  const vectors = {
    sha256: '2ab35d9945aee9d229b0d4d2df4f0d3bb3c08f03c0504666078bda1c412ea913',
    sha1: '390449dc08caa7852227939d975ba2e193243f87',
  };
  for (const [algorithm, digest] of Object.entries(vectors)) {
    it(`${algorithm} gives the digest of the vector, and every flipped bit another`, () => {
      const found = createHmac(algorithm, 'secret').update(hex(text)).digest();
      assert.equal(found.toString('hex'), digest);
      const u8 = signed();
      const tlv = findHmac(u8, AT + 40);
      u8.set(found, tlv + 8);
      assert.ok(sameDigest(u8, tlv, found));
      for (let bit = 0; bit < 256; bit++) {
        u8[tlv + 8 + (bit >> 3)] ^= 1 << (bit & 7);
        assert.ok(!sameDigest(u8, tlv, found), `bit ${bit}`);
        u8[tlv + 8 + (bit >> 3)] ^= 1 << (bit & 7);
      }
    });
  }

  it('is found behind padding of any length', () => {
    const tlv = `05 26 0000 0000002a ${'ab'.repeat(32)}`;
    const { u8 } = place(`04 08 04 00 00 00 0000 ${SID} 00 04 05 0000000000 ${tlv}`);
    assert.equal(checkSrh(u8, AT, 72), SrhFault.NONE);
    assert.equal(findHmac(u8, AT), AT + 32);
  });
});

describe('the walk to the upper layer', () => {
  const options = (next: number) => `${next.toString(16).padStart(2, '0')} 00 01 04 00000000`;

  it('finds IPv4 directly behind the header', () => {
    const { fault, words } = walk(4, INNER);
    assert.equal(fault, ChainFault.NONE);
    assert.deepEqual(words, [0, 0, 0, 0, 40, 4, 0, 0]);
  });
  it('finds it behind the SRH of the golden packet', () => {
    assert.deepEqual(walk(43, SRH + INNER).words, [40, 6, 0, 0, 64, 4, 0, 0]);
  });
  it('passes hop-by-hop and destination options', () => {
    assert.deepEqual(walk(0, options(60) + options(43) + SRH + INNER).words, [56, 48, 0, 0, 80, 4, 0, 0]);
  });
  it('stops at segments left', () => {
    const active = SRH.replace('04 00 00', '04 01 00');
    assert.deepEqual(walk(60, options(43) + active + INNER).words, [48, 40, 48, 40, 0, 0, 0, 0]);
  });
  it('stops at the second SRH when the first is used up', () => {
    const used = SRH.replace('04 02', '2b 02');
    assert.deepEqual(walk(43, used + SRH.replace('04 00 00', '04 01 00') + INNER).words, [40, 6, 64, 40, 0, 0, 0, 0]);
  });
  it('passes another routing header with nothing left', () => {
    assert.deepEqual(walk(43, `04 02 00 00 ${'00'.repeat(20)}${INNER}`).words, [0, 0, 0, 0, 64, 4, 0, 0]);
  });
  it('points at the type of another routing header with segments left', () => {
    const { fault, words } = walk(43, `04 02 00 01 ${'00'.repeat(20)}${INNER}`);
    assert.equal(fault, ChainFault.ROUTING_TYPE);
    assert.equal(words[Chain.POINTER], 42);
    assert.equal(walk(43, `04 02 00 01 ${'00'.repeat(20)}${INNER}`, true).words[Chain.UPPER], 64);
  });
  it('points at the segments left of a malformed SRH', () => {
    const wrong = SRH.replace('00 00 00 0000', '00 01 00 0000');
    const { fault, words } = walk(43, wrong + INNER);
    assert.equal(fault, ChainFault.SRH);
    assert.equal(words[Chain.POINTER], 43);
    assert.deepEqual(walk(43, wrong + INNER, true).words, [0, 0, 0, 0, 64, 4, 0, 0]);
  });
  it('knows fragments', () => {
    assert.equal(walk(44, `04 00 0008 00000001 ${INNER}`).fault, ChainFault.FRAGMENT);
    assert.equal(walk(44, `04 00 0001 00000001 ${INNER}`).fault, ChainFault.FRAGMENT);
    assert.equal(walk(44, `04 00 0001 00000001 ${INNER}`, true).fault, ChainFault.NONE);
    assert.deepEqual(walk(44, `04 00 0000 00000001 ${INNER}`).words, [0, 0, 0, 0, 48, 4, 0, 1]);
  });
  it('refuses what is cut off, and more than eight headers', () => {
    assert.equal(walk(43, SRH.slice(0, -2)).fault, ChainFault.CUT);
    assert.equal(walk(60, options(60).repeat(8) + INNER).fault, ChainFault.CUT);
    assert.equal(walk(60, options(60).repeat(7) + options(4) + INNER).words[Chain.UPPER], 104);
  });

  it('reads nothing behind the packet, whatever it holds', () => {
    const chain = fc.array(fc.uint8Array({ minLength: 0, maxLength: 40 }), { maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(0, 43, 44, 51, 60), chain, fc.boolean(), (next, parts, lenient) => {
        const behind = Uint8Array.from(parts.flatMap((part) => [...part]));
        for (let k = 2; k < behind.length; k += 24) if ((behind[k] as number) & 1) behind[k] = 4;
        const exact = new Uint8Array(40 + behind.length);
        exact.set(hex(header(next, behind.length)));
        exact.set(behind, 40);
        const reads = new Proxy(exact, {
          get: (target, key) => {
            if (typeof key === 'string' && /^\d+$/.test(key)) assert.ok(Number(key) < exact.length, `byte ${key}`);
            return Reflect.get(target, key) as unknown;
          },
        });
        const out = new Int32Array(Chain.WORDS);
        const found = walkChain(reads, 0, behind.length, lenient, out);
        if (found !== ChainFault.NONE) return;
        const stop = (out[Chain.ACTIVE] as number) || (out[Chain.UPPER] as number);
        assert.ok(stop >= 40 && stop <= exact.length);
      }),
      { seed, numRuns: 2000 },
    );
  });
});
