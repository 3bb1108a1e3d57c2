/** Clients of HTTP and of the control socket, and who reads the log. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { MeteredListener, MetricsSource } from './source.js';

/** Registers the collectors of listeners, and that of the log. */
export function collectListeners(registers: Registry[], source: MetricsSource): void {
  new Counter({
    name: 'smrouter_log_lost_total',
    help: 'Lines of the log that were lost, as it could not be written.',
    registers,
    collect() {
      this.reset();
      this.inc(source.logLost());
    },
  });
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
