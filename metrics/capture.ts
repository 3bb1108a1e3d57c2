/** Captures. */
import { Counter, type Registry } from 'prom-client';
import type { MeteredCapture, MetricsSource } from './source.js';

const COUNTERS: readonly (readonly [string, string, (capture: MeteredCapture) => number])[] = [
  [
    'smrouter_capture_received_total',
    'Packets shown to the capture, before its direction filter and its filter.',
    ({ received }) => received,
  ],
  [
    'smrouter_capture_dropped_total',
    'Packets that matched and were lost: no room in a ring, a full disk, a slow reader.',
    ({ dropped }) => dropped,
  ],
  ['smrouter_capture_written_packets_total', 'Packets written to files or streams.', ({ written }) => written],
  ['smrouter_capture_written_bytes_total', 'Bytes that written packets took.', ({ bytes }) => bytes],
  ['smrouter_capture_files_total', 'Files begun.', ({ files }) => files],
];

/** Registers the collectors of every capture. */
export function collectCaptures(registers: Registry[], source: MetricsSource): void {
  for (const [name, help, value] of COUNTERS) {
    new Counter({
      name,
      help,
      labelNames: ['capture', 'interface', 'to'],
      registers,
      collect() {
        this.reset();
        for (const capture of source.captures()) {
          this.inc({ capture: capture.capture, interface: capture.interface, to: capture.to }, value(capture));
        }
      },
    });
  }
}
