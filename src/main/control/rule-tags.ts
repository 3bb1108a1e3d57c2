/**
 * Names of rule tags and the numbers that frames carry, by how many live rules use them. Main only. A number is free again when
 * the last rule list that had it has been reclaimed (A79).
 */
import { TAG_NUMBER_MAX } from '../../shared/table/rule-list.js';
import { ControlError } from '../errors.js';

interface Tag {
  readonly number: number;
  uses: number;
}

export class RuleTags {
  private readonly byName = new Map<string, Tag>();
  private readonly used = new Set<number>();

  /** The number of `name`, one use more; 0 for no name. Throws ENOMEM when all numbers are taken. */
  take(name: string): number {
    if (name === '') return 0;
    let tag = this.byName.get(name);
    if (tag === undefined) {
      tag = { number: this.freeNumber(), uses: 0 };
      this.used.add(tag.number);
      this.byName.set(name, tag);
    }
    tag.uses++;
    return tag.number;
  }

  /** One use less. */
  give(name: string): void {
    const tag = this.byName.get(name);
    if (tag === undefined || --tag.uses > 0) return;
    this.byName.delete(name);
    this.used.delete(tag.number);
  }

  /** How often `name` is used. */
  uses(name: string): number {
    return this.byName.get(name)?.uses ?? 0;
  }

  private freeNumber(): number {
    for (let number = 1; number <= TAG_NUMBER_MAX; number++) if (!this.used.has(number)) return number;
    throw new ControlError('ENOMEM', `no more than ${TAG_NUMBER_MAX} tags`);
  }
}
