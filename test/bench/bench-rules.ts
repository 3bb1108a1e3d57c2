/**
 * The rules that benches load a port with, as text. No station of `Hosts` has their addresses.
 */
import type { RuleSpec } from '../../src/main/config/rule.js';
import { formatMac } from '../../src/shared/wire/ethernet.js';

/** Lengths of the lists that are measured. */
export const LISTS = [0, 8, 1000] as const;
/** First two bytes of the rules' addresses, little-endian. */
export const SRC_HI = 0x0006;
export const DST_HI = 0x0106;

const NONE: RuleSpec = {
  ...{ action: 'block', dir: 'in', src: '', dst: '', tag: '', arp: '', op: '', sha: '', tha: '', spa: '', tpa: '' },
};

/** Rule `n` as text: of four, two name a source, one a pair, one the sender of ARP requests. */
export function benchRule(n: number): RuleSpec {
  const src = formatMac({ hi: SRC_HI, lo: n });
  const dst = formatMac({ hi: DST_HI, lo: n });
  const kind = n & 3;
  if (kind === 3) return { ...NONE, arp: 'arp', op: 'request', spa: `10.0.${n >> 8}.${n & 255}` };
  if (kind === 2) return { ...NONE, src, dst };
  return { ...NONE, action: kind === 0 ? 'block' : 'pass', src };
}
