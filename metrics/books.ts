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

/**
 * Registers the collectors of the books. They are read once for all terms of a scrape: the first collector of a turn of the
 * event loop reads, the others of that turn take what it read.
 */
export function collectBooks(registers: Registry[], source: MetricsSource): void {
  let read: Totals | undefined;
  const totals = (): Totals => {
    if (read === undefined) {
      read = source.books().totals;
      setImmediate(() => {
        read = undefined;
      });
    }
    return read;
  };
  for (const [term, help] of TERMS) {
    new Counter({
      name: `smrouter_books_${term}_total`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(totals()[term]);
      },
    });
  }
  new Gauge({
    name: 'smrouter_books_held',
    help: 'Frames in rings between workers now.',
    registers,
    collect() {
      this.set(totals().held);
    },
  });
}
