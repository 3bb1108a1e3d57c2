/** Sequence numbers of what erspan interfaces receive, by source and session. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { MeteredStream, MetricsSource } from './source.js';

const LABELS = ['interface', 'source', 'session'] as const;

const COUNTERS: readonly (readonly [string, string, (stream: MeteredStream) => number])[] = [
  ['smrouter_erspan_packets_total', 'Packets with a sequence number.', (stream) => stream.received],
  ['smrouter_erspan_reordered_total', 'Packets behind one that was sent later.', (stream) => stream.reordered],
  ['smrouter_erspan_duplicate_total', 'Packets whose number had come before.', (stream) => stream.duplicate],
  ['smrouter_erspan_restarts_total', 'Times the numbers began anew.', (stream) => stream.restarts],
];

/** Registers the collectors of sequence numbers. */
export function collectErspan(registers: Registry[], source: MetricsSource): void {
  const labels = ({ interface: name, source: from, session }: MeteredStream): Record<string, string> => ({
    interface: name,
    source: from,
    session: String(session),
  });
  for (const [name, help, value] of COUNTERS) {
    new Counter({
      name,
      help,
      labelNames: LABELS,
      registers,
      collect() {
        this.reset();
        for (const stream of source.streams().tracked) this.inc(labels(stream), value(stream));
      },
    });
  }
  new Gauge({
    name: 'smrouter_erspan_lost_packets',
    help: 'Numbers that have not come, as far as can be told by now; one that comes late is taken off again.',
    labelNames: LABELS,
    registers,
    collect() {
      this.reset();
      for (const stream of source.streams().tracked) this.set(labels(stream), stream.lost);
    },
  });
  new Counter({
    name: 'smrouter_erspan_untracked_total',
    help: 'Packets of streams beyond the 1024 whose numbers are followed.',
    registers,
    collect() {
      this.reset();
      this.inc(source.streams().untracked);
    },
  });
}
