/** The terms of the books, so that a scraper can check them: at rest the four on the left equal the four on the right. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Totals } from '../src/shared/counter/books.js';
import type { MetricsSource } from './source.js';

const TERMS: readonly (readonly [keyof Totals, string])[] = [
  ['received', 'Frames taken from devices.'],
  ['copied', 'Copies made of frames.'],
  ['segmented', 'Frames made by cutting superframes.'],
  ['originated', 'Frames the router made itself.'],
  ['transmitted', 'Frames that devices sent.'],
  ['consumed', 'Frames that ended here with nothing left to do.'],
  ['dropped', 'Frames dropped, whatever the reason.'],
];

/** Registers the collectors of the books. */
export function collectBooks(registers: Registry[], source: MetricsSource): void {
  for (const [term, help] of TERMS) {
    new Counter({
      name: `smrouter_books_${term}_total`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(source.books().totals[term]);
      },
    });
  }
  new Gauge({
    name: 'smrouter_books_held',
    help: 'Frames in rings between workers now.',
    registers,
    collect() {
      this.set(source.books().totals.held);
    },
  });
}
