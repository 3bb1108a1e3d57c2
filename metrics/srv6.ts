/** Local SIDs that are counted (`count`). */
import { Counter, type Registry } from 'prom-client';
import type { MeteredSid, MetricsSource } from './source.js';

const COUNTERS: readonly (readonly [string, string, (sid: MeteredSid) => number])[] = [
  ['smrouter_srv6_sid_packets_total', 'Packets that went on from the SID.', (sid) => sid.packets],
  ['smrouter_srv6_sid_bytes_total', 'Bytes of those, with the outer header.', (sid) => sid.bytes],
  ['smrouter_srv6_sid_errors_total', 'Packets for the SID that did not go on.', (sid) => sid.errors],
];

/** Registers the collectors of SIDs. */
export function collectSids(registers: Registry[], source: MetricsSource): void {
  for (const [name, help, value] of COUNTERS) {
    new Counter({
      name,
      help,
      labelNames: ['sid', 'rdomain'],
      registers,
      collect() {
        this.reset();
        for (const sid of source.sids()) this.inc({ sid: sid.prefix, rdomain: String(sid.rdomain) }, value(sid));
      },
    });
  }
}
