/** Learning tables. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { total } from '../src/shared/counter/books.js';
import { Lane } from '../src/shared/layout/counters.js';
import type { MeteredVeb, MetricsSource } from './source.js';

const GAUGES: readonly (readonly [string, string, (veb: MeteredVeb) => number])[] = [
  [
    'smrouter_veb_addresses',
    'Addresses in the table, expired ones included until they are swept.',
    (veb) => veb.addresses,
  ],
  ['smrouter_veb_addresses_limit', 'Most addresses the table takes.', (veb) => veb.limit],
];

const COUNTERS: readonly (readonly [string, string, Lane])[] = [
  ['smrouter_veb_learned_total', 'Addresses entered into the table by learning.', Lane.LEARNED],
  ['smrouter_veb_moves_total', 'Addresses that moved to another port.', Lane.MOVED],
  ['smrouter_veb_learn_refused_total', 'Addresses not learned because the table was full.', Lane.REFUSED],
  ['smrouter_veb_learn_busy_total', 'Addresses not learned at once because a bucket was being written.', Lane.BUSY],
  ['smrouter_veb_unicast_total', 'Frames sent to one known port.', Lane.UNICAST],
  ['smrouter_veb_flooded_total', 'Frames flooded, however many ports took a copy.', Lane.FLOODED],
  ['smrouter_veb_returned_total', 'Frames given back to the port: reserved group addresses.', Lane.RETURNED],
];

/** Registers the collectors of every veb. */
export function collectVebs(registers: Registry[], source: MetricsSource): void {
  for (const [name, help, value] of GAUGES) {
    new Gauge({
      name,
      help,
      labelNames: ['veb'],
      registers,
      collect() {
        this.reset();
        for (const veb of source.vebs()) this.set({ veb: veb.name }, value(veb));
      },
    });
  }
  for (const [name, help, word] of COUNTERS) {
    new Counter({
      name,
      help,
      labelNames: ['veb'],
      registers,
      collect() {
        this.reset();
        for (const veb of source.vebs()) this.inc({ veb: veb.name }, total(source.views, veb.index, word));
      },
    });
  }
}
