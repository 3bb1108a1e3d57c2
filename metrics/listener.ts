/** Clients of HTTP and of the control socket. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { MeteredListener, MetricsSource } from './source.js';

/** Registers the collectors of listeners. */
export function collectListeners(registers: Registry[], source: MetricsSource): void {
  const rows: readonly (readonly [string, string, typeof Gauge | typeof Counter, (of: MeteredListener) => number])[] = [
    ['smrouter_listener_connections', 'Connections now.', Gauge, (of) => of.count],
    ['smrouter_listener_connections_limit', 'Connections there may be.', Gauge, (of) => of.most],
    [
      'smrouter_listener_refused_total',
      'Connections closed at once, as there was no place or no descriptor left.',
      Counter,
      (of) => of.refused,
    ],
    ['smrouter_listener_ended_total', 'Connections ended, being silent or slow.', Counter, (of) => of.ended],
  ];
  for (const [name, help, Kind, value] of rows) {
    new Kind({
      name,
      help,
      labelNames: ['listener'],
      registers,
      collect() {
        this.reset();
        for (const of of source.listeners()) this.inc({ listener: of.listener }, value(of));
      },
    });
  }
}
