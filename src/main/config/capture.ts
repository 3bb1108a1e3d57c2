/**
 * Captures to files as the configuration has them: `capture IF file PATH …` (spec A §8.4). Plain values, their words, and back.
 */
import type { FsyncPolicy } from '../../shared/ring/writer-message.js';
import { MOST_SNAPLEN } from '../../shared/wire/pcap.js';
import { ControlError } from '../errors.js';
import { quoteWord } from './lines.js';

/** A capture of an interface to a file; there is one for each path. */
export interface CaptureSetting {
  readonly interface: string;
  readonly path: string;
  /** An expression of libpcap; empty = every packet. */
  readonly filter: string;
  readonly snaplen: number;
  /** Empty = both. */
  readonly direction: '' | 'in' | 'out';
  /** Empty = the interface's first link type. */
  readonly type: '' | 'EN10MB' | 'LOOP' | 'RAW';
  readonly format: 'pcap' | 'pcapng';
  /** Bytes a file does not grow beyond, and seconds after which it is put aside; 0 = never. */
  readonly rotateSize: number;
  readonly rotateTime: number;
  readonly keep: number;
  readonly fsync: FsyncPolicy;
}

/** What holds where nothing is said. */
const DEFAULTS: Omit<CaptureSetting, 'interface' | 'path'> = {
  filter: '',
  snaplen: MOST_SNAPLEN,
  direction: '',
  type: '',
  format: 'pcap',
  rotateSize: 0,
  rotateTime: 0,
  keep: 8,
  fsync: 'rotate',
};
const KEEP_MOST = 1000;
const ROTATE_SIZE = { min: 4096, max: 2 ** 40 };
const ROTATE_TIME_MOST = 31 * 86_400;
const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Reads what stands behind `capture IF file PATH`. Throws EINVAL. */
export function readCapture(name: string, path: string, words: readonly string[]): CaptureSetting {
  if (!path.startsWith('/')) throw new ControlError('EINVAL', `${path}: a capture file needs a path from / on`);
  let setting: CaptureSetting = { ...DEFAULTS, interface: name, path };
  for (let at = 0; at < words.length; ) {
    const word = words[at++] as string;
    const take = (): string => {
      const value = words[at++];
      if (value === undefined) throw new ControlError('EINVAL', `${word}: a value is missing`);
      return value;
    };
    if (word === 'filter') {
      const filter = words.slice(at).join(' ').trim();
      if (filter === '') throw new ControlError('EINVAL', 'filter: an expression is missing');
      return { ...setting, filter };
    }
    setting = { ...setting, ...option(word, take) };
  }
  return setting;
}

function option(word: string, take: () => string): Partial<CaptureSetting> {
  switch (word) {
    case 'snaplen':
      return { snaplen: number('snaplen', take(), 1, MOST_SNAPLEN) };
    case 'direction':
      return { direction: oneOf('direction', take(), ['in', 'out']) };
    case 'type':
      return { type: oneOf('type', take(), ['EN10MB', 'LOOP', 'RAW']) };
    case 'format':
      return { format: oneOf('format', take(), ['pcap', 'pcapng']) };
    case 'keep':
      return { keep: number('keep', take(), 1, KEEP_MOST) };
    case 'fsync':
      return { fsync: oneOf('fsync', take(), ['never', 'rotate', 'always']) };
    case 'rotate': {
      const by = oneOf('rotate', take(), ['size', 'time']);
      if (by === 'size') return { rotateSize: number('rotate size', take(), ROTATE_SIZE.min, ROTATE_SIZE.max) };
      return { rotateTime: number('rotate time', take(), 1, ROTATE_TIME_MOST) };
    }
    default:
      throw new ControlError('EINVAL', `unexpected word ${word}`);
  }
}

function oneOf<T extends string>(what: string, word: string, values: readonly T[]): T {
  const found = values.find((value) => value === word);
  if (found === undefined) throw new ControlError('EINVAL', `${what} ${word} is none of ${values.join(', ')}`);
  return found;
}

/** A whole number, of bytes with K, M or G behind it. */
function number(what: string, word: string, min: number, max: number): number {
  const found = (what === 'rotate size' ? /^(\d{1,13})([KMG]?)$/ : /^(\d{1,10})()$/).exec(word);
  const value = found === null ? Number.NaN : Number(found[1]) * (UNITS[found[2] as string] as number);
  if (value >= min && value <= max) return value;
  throw new ControlError('EINVAL', `${what} ${word} is not between ${min} and ${max}`);
}

/** The line that gives `setting` again. */
export function formatCapture(setting: CaptureSetting): string {
  const words = ['capture', quoteWord(setting.interface), 'file', quoteWord(setting.path)];
  for (const name of ['snaplen', 'direction', 'type', 'format'] as const) {
    if (setting[name] !== DEFAULTS[name]) words.push(name, String(setting[name]));
  }
  if (setting.rotateSize !== 0) words.push('rotate', 'size', String(setting.rotateSize));
  if (setting.rotateTime !== 0) words.push('rotate', 'time', String(setting.rotateTime));
  if (setting.keep !== DEFAULTS.keep) words.push('keep', String(setting.keep));
  if (setting.fsync !== DEFAULTS.fsync) words.push('fsync', setting.fsync);
  if (setting.filter !== '') words.push('filter', quoteWord(setting.filter));
  return words.join(' ');
}
