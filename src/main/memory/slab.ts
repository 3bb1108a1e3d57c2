/**
 * Slab allocator for the heap and rings regions: power-of-two classes of words, free lists kept outside the region.
 *
 * Main only. Records begin on a cache line. In poison mode freed words are overwritten, so that a reader who still
 * follows a pointer to them is caught (workers/poison.ts).
 */
import { Kind } from '../../shared/layout/heap.js';
import { ControlError } from '../errors.js';

/** Smallest record, in words: one cache line. */
const SMALLEST = 16;

export class Slab {
  private readonly words: Int32Array;
  private readonly name: string;
  private next: number;
  private readonly free = new Map<number, number[]>();
  private used = 0;
  /** Overwrite what is freed. */
  poison = false;

  /** Hands out words `first` … end of the region `words`; `name` appears in errors. */
  constructor(name: string, words: Int32Array, first: number) {
    this.name = name;
    this.words = words;
    this.next = (first + SMALLEST - 1) & ~(SMALLEST - 1);
  }

  /** Words now allocated, rounded up to their classes. */
  get usedWords(): number {
    return this.used;
  }

  /** Words in the region. */
  get totalWords(): number {
    return this.words.length;
  }

  /** Allocates at least `count` words, zeroed; returns the index of the first. Throws ENOMEM. */
  allocate(count: number): number {
    const size = classOf(count);
    const reused = this.free.get(size)?.pop();
    let at = reused;
    if (at === undefined) {
      if (this.next + size > this.words.length) {
        throw new ControlError('ENOMEM', `the ${this.name} region is full; enlarge it in the configuration`);
      }
      at = this.next;
      this.next += size;
    }
    this.used += size;
    this.words.fill(0, at, at + size);
    return at;
  }

  /** Gives back what `allocate(count)` returned. Whoever could still read it must have passed a grace period. */
  release(at: number, count: number): void {
    const size = classOf(count);
    this.used -= size;
    if (this.poison) this.words.fill(Kind.POISON, at, at + size);
    const list = this.free.get(size);
    if (list === undefined) this.free.set(size, [at]);
    else list.push(at);
  }
}

function classOf(count: number): number {
  let size = SMALLEST;
  while (size < count) size *= 2;
  return size;
}
