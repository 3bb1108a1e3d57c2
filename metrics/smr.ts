/** Reclamation. */
import { Gauge, Histogram, type Registry } from 'prom-client';
import type { MetricsSource } from './source.js';

/** Registers the collectors of SMR. Returns what is to be called with each grace period's length in seconds. */
export function collectSmr(registers: Registry[], source: MetricsSource): (seconds: number) => void {
  new Gauge({
    name: 'smrouter_smr_epoch',
    help: 'The global epoch, an int32 that wraps.',
    registers,
    collect() {
      this.set(source.smr().epoch);
    },
  });
  new Gauge({
    name: 'smrouter_smr_deferred_objects',
    help: 'Objects that wait for a grace period.',
    registers,
    collect() {
      this.set(source.smr().deferredObjects);
    },
  });
  new Gauge({
    name: 'smrouter_smr_deferred_bytes',
    help: 'Bytes of those.',
    registers,
    collect() {
      this.set(source.smr().deferredBytes);
    },
  });
  const grace = new Histogram({
    name: 'smrouter_smr_grace_seconds',
    help: 'How long retired objects waited.',
    buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers,
  });
  return (seconds) => grace.observe(seconds);
}
