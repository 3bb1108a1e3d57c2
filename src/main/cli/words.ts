/**
 * What the command words share: the draft they change, and reading their arguments.
 */
import type { State } from '../config/state.js';
import { ControlError } from '../errors.js';

/** Something to do once to live state, with no trace in the configuration; runs after the draft was applied. */
export type Action =
  | { readonly kind: 'flush'; readonly veb: string; readonly all: boolean }
  | { readonly kind: 'deladdr'; readonly veb: string; readonly mac: string };

/** A change in the making: a copy of the state, and actions. Nothing is live until it is applied. */
export interface Draft {
  readonly state: State;
  readonly actions: Action[];
  /** The text of a file that a word names. Throws ControlError. Without it, no word may name one. */
  readonly readFile?: (name: string) => string;
  /** A whole configuration is being read: what it refers to may have gone since it was printed. */
  readonly loading?: boolean;
}

/** Words of a command, taken one after the other. */
export class Words {
  private readonly words: readonly string[];
  private at = 0;

  constructor(words: readonly string[]) {
    this.words = words;
  }

  /** Whether any are left. */
  get more(): boolean {
    return this.at < this.words.length;
  }

  /** The next word without taking it; empty at the end. */
  get peek(): string {
    return this.words[this.at] ?? '';
  }

  /** Takes the next word. Throws EINVAL, saying that `what` is missing, at the end. */
  take(what: string): string {
    const word = this.words[this.at++];
    if (word === undefined) throw new ControlError('EINVAL', `${what} missing`);
    return word;
  }

  /** Gives back the word taken last. */
  back(): void {
    this.at--;
  }

  /** Takes `word`, which is next, and the one behind it. */
  takeAfter(word: string): string {
    this.at++;
    return this.take(word);
  }

  /** The same, a number within a range. */
  takeNumberAfter(word: string, min: number, max: number): number {
    this.at++;
    return this.takeNumber(word, min, max);
  }

  /** Takes all that are left. */
  rest(): string[] {
    const rest = this.words.slice(this.at);
    this.at = this.words.length;
    return rest;
  }

  /** Takes a decimal whole number within a range. Throws EINVAL. */
  takeNumber(what: string, min: number, max: number): number {
    const word = this.take(what);
    const value = /^\d{1,10}$/.test(word) ? Number(word) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new ControlError('EINVAL', `${what} ${word} is not between ${min} and ${max}`);
    return value;
  }

  /** Throws EINVAL if words are left. */
  end(): void {
    if (this.more) throw new ControlError('EINVAL', `unexpected word ${this.peek}`);
  }
}

/**
 * Options that stand together taken apart, as getopt(3) reads them: `-nT1` is `-n -T 1`. `flags` are the letters that stand alone, `valued`
 * those that have a value behind them, in the same word or the next. Words with any other letter stay as they are.
 */
export function apart(args: readonly string[], flags: string, valued: string): string[] {
  const bundle = new RegExp(`^-([${flags}]*)(?:([${valued}])(.*))?$`);
  return args.flatMap((arg) => {
    const [, letters = '', option = '', value = ''] = bundle.exec(arg) ?? [];
    const options = [...letters, ...option].map((letter) => `-${letter}`);
    if (options.length === 0) return [arg];
    return value === '' ? options : [...options, value];
  });
}
