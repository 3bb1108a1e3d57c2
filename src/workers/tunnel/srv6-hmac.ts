/**
 * The HMAC of an SRH (RFC 8754 §2.1.2, spec B §1.4): checked where packets come in, written where they are encapsulated. Runs on a
 * worker, with node:crypto: the one thing on the way of a packet that allocates. So a burst has a budget of them, and what is above
 * it is dropped.
 */
import { createHmac } from 'node:crypto';
import { Drop } from '../../shared/counter/drop-reason.js';
import { Control, If, ifRecord } from '../../shared/layout/heap.js';
import { findKey, HmacKeyWord } from '../../shared/table/hmac-keys.js';
import { findHmac, HMAC_TEXT_MOST, HmacTlv, hmacKeyId, sameDigest, writeHmacText } from '../../shared/wire/srh.js';
import type { Context } from '../context.js';

/** Digests that one burst may take; one costs about 5 µs. */
const BUDGET = 32;
/** Values of `If.SEG6_HMAC` and of `HmacKeyWord.ALGORITHM`. */
const IGNORE = -1;
const REQUIRE = 1;
const SHA1 = 1;

/** HMACs of one worker. */
export interface SrhHmac {
  /** Why the packet at byte `ip` with the SRH at byte `srh`, received on interface `index`, is not to be believed: a reason, or -1. */
  check(index: number, ip: number, srh: number): Drop | -1;
  /** Writes the digest into the SRH at byte `srh` with key `id`. Why it has not, no such key or no budget, or -1. */
  sign(ip: number, srh: number, id: number): Drop | -1;
  /** A new burst begins. */
  refill(): void;
}

/** Makes the HMACs of one worker. */
export function makeSrhHmac(ctx: Context): SrhHmac {
  const { heap, u8 } = ctx;
  const text = new Uint8Array(HMAC_TEXT_MOST);
  const secret = new Uint8Array(64);
  const words = new Int32Array(secret.buffer);
  let budget = BUDGET;

  function check(index: number, ip: number, srh: number): Drop | -1 {
    const policy = heap[ifRecord(index) + If.SEG6_HMAC];
    if (policy === IGNORE) return -1;
    const tlv = findHmac(u8, srh);
    if (tlv === -1) return policy >= REQUIRE ? Drop.SRV6_HMAC : -1;
    const key = findKey(heap, heap[Control.SRV6_KEYS], hmacKeyId(u8, tlv));
    if (key === 0) return Drop.SRV6_HMAC;
    if (budget === 0) return Drop.SRV6_HMAC_BUDGET;
    return sameDigest(u8, tlv, digest(ip, srh, tlv, key)) ? -1 : Drop.SRV6_HMAC;
  }

  function sign(ip: number, srh: number, id: number): Drop | -1 {
    const key = findKey(heap, heap[Control.SRV6_KEYS], id);
    const tlv = findHmac(u8, srh);
    if (key === 0 || tlv === -1) return Drop.SRV6_HMAC;
    if (budget === 0) return Drop.SRV6_HMAC_BUDGET;
    const bytes = digest(ip, srh, tlv, key);
    for (let k = 0; k < HmacTlv.DIGEST_LENGTH; k++) u8[tlv + HmacTlv.DIGEST + k] = k < bytes.length ? bytes[k] : 0;
    return -1;
  }

  function digest(ip: number, srh: number, tlv: number, key: number): Uint8Array {
    budget--;
    for (let w = 0; w < words.length; w++) words[w] = heap[key + HmacKeyWord.SECRET + w];
    const algorithm = heap[key + HmacKeyWord.ALGORITHM] === SHA1 ? 'sha1' : 'sha256';
    const length = writeHmacText(text, u8, ip, srh, tlv);
    return createHmac(algorithm, secret.subarray(0, heap[key + HmacKeyWord.LENGTH]))
      .update(text.subarray(0, length))
      .digest();
  }

  function refill(): void {
    budget = BUDGET;
  }

  return { check, sign, refill };
}
