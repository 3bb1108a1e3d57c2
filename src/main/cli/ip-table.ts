/** Routing tables by number or by the names of iproute2's rt_tables. Main only. */
import { RDOMAIN, TABLE } from '../config/state.js';
import { ControlError } from '../errors.js';
import type { Words } from './words.js';

/** A table: 0 is the default, whose other names are `main` and 254; 253 and 255 mean other things to iproute2. Throws EINVAL. */
export function takeTable(words: Words): number {
  const word = words.take('table');
  if (word === 'main' || word === '254') return 0;
  const table = /^\d{1,10}$/.test(word) ? Number(word) : Number.NaN;
  if (isTable(table)) return table;
  throw new ControlError('EINVAL', `table ${word}: not main, ${RDOMAIN.min} to ${RDOMAIN.max} or 256 to ${TABLE.max}`);
}

/** A routing domain by number, as the words of OpenBSD take it; those of VRFs go beyond them. Throws EINVAL. */
export function takeDomain(words: Words): number {
  const domain = words.takeNumber('rdomain', RDOMAIN.min, TABLE.max);
  if (isTable(domain)) return domain;
  throw new ControlError('EINVAL', `rdomain ${domain} is not between ${RDOMAIN.min} and ${RDOMAIN.max}`);
}

/** Whether a table of that number can be: 253 to 255 cannot (rows.md). */
export function isTable(table: number): boolean {
  return Number.isInteger(table) && table >= 0 && table <= TABLE.max && (table <= RDOMAIN.max || table > 255);
}
