/**
 * The prefixes of the SR domain in the heap (shared/table/srv6-domain.ts): one record, replaced as a whole. Main only.
 */
import { Control } from '../../shared/layout/heap.js';
import type { Reclaimer } from '../../shared/smr/reclaimer.js';
import { buildSrv6Domain, type PrefixWords, srv6DomainWords } from '../../shared/table/srv6-domain.js';
import { addressWords } from '../config/address.js';
import { parsePrefixes6 } from '../config/seg6.js';
import type { Settings } from '../config/state.js';
import type { Memory } from '../memory/memory.js';

/** Gives workers the prefixes that the settings say. Throws ENOMEM; then nothing has changed. */
export function publishSrv6Domain(memory: Memory, reclaimer: Reclaimer, settings: Settings): void {
  const { heap } = memory.views;
  const blocks = prefixes(settings['srv6.block']);
  const sources = prefixes(settings['srv6.infrastructure']);
  const old = heap[Control.SRV6_DOMAIN];
  const words = buildSrv6Domain(blocks, sources);
  const none = blocks.length + sources.length === 0;
  const record = none ? 0 : memory.heap.allocate(words.length);
  if (record !== 0) heap.set(words, record);
  Atomics.store(heap, Control.SRV6_DOMAIN, record);
  if (old === 0) return;
  const oldWords = srv6DomainWords(heap, old);
  reclaimer.retire(oldWords * 4, () => memory.heap.release(old, oldWords));
}

function prefixes(text: string): PrefixWords[] {
  return (parsePrefixes6(text) ?? []).map(({ address, length }) => ({ network: addressWords(address), length }));
}
