/**
 * The words after `smrctl tcpdump`, as tcpdump(8) of OpenBSD takes them: options bundle (`-vveni erspan0 -s1600`), a filter follows. The client
 * reads them; what concerns the capture goes to the daemon.
 */
import { ControlError } from '../errors.js';

/** What the daemon is asked for. */
export interface CaptureRequest {
  readonly interface: string;
  /** Empty: the interface's default. */
  readonly link: string;
  readonly direction: '' | 'in' | 'out';
  readonly snap: number;
  readonly fildrop: string;
  /** In libpcap's language; empty: every packet. */
  readonly filter: string;
}

/** The whole command. */
export interface TcpdumpWords {
  readonly request: CaptureRequest;
  /** Packets to stop after; 0 = none. */
  readonly count: number;
  /** A file to write, `-` for standard output; empty: text. */
  readonly file: string;
  /** Options of the program that prints text. */
  readonly printing: readonly string[];
}

/** Most bytes of a packet, as libpcap has it; also what `-s 0` means. */
export const SNAP_MOST = 262_144;
const COUNT_MOST = 999_999_999;
/** Options with a value, and those for whoever prints. */
const WITH_VALUE = 'iyDscBw';
const PRINTING = 'envqtxXAS';
/** Options of tcpdump that change nothing here: lines are never held back, and a capture changes no interface. */
const WITHOUT_EFFECT = 'lpU';

/** Reads the words; `taken` are the options that there are. Throws EINVAL. */
export function tcpdumpWords(args: readonly string[], taken = WITH_VALUE + PRINTING + WITHOUT_EFFECT): TcpdumpWords {
  const values = new Map<string, string>();
  const printing: string[] = [];
  let at = 0;
  for (; at < args.length && /^-./.test(args[at] as string); at++) {
    const word = args[at] as string;
    if (word === '--') {
      at++;
      break;
    }
    for (let n = 1; n < word.length; n++) {
      const option = word[n] as string;
      if (!taken.includes(option)) throw new ControlError('EINVAL', `-${option}: unknown option`);
      if (PRINTING.includes(option)) printing.push(`-${option}`);
      else if (WITH_VALUE.includes(option)) {
        const value = word.slice(n + 1) || args[++at];
        if (value === undefined) throw new ControlError('EINVAL', `-${option}: value missing`);
        values.set(option, value);
        break;
      }
    }
  }
  const name = values.get('i');
  if (name === undefined) throw new ControlError('EINVAL', 'interface missing: -i IF');
  const snap = numberOf('-s', values.get('s') ?? '0', 0, SNAP_MOST);
  const request = {
    interface: name,
    link: (values.get('y') ?? '').toUpperCase(),
    direction: oneOf('-D', values.get('D') ?? '', ['', 'in', 'out'] as const),
    snap: snap === 0 ? SNAP_MOST : snap,
    fildrop: (values.get('B') ?? 'pass').replace(/^fildrop=/, ''),
    filter: args.slice(at).join(' '),
  };
  oneOf('-B', request.fildrop, ['pass', 'capture', 'drop']);
  oneOf('-y', request.link, ['', 'EN10MB', 'LOOP', 'RAW']);
  const count = values.has('c') ? numberOf('-c', values.get('c') as string, 1, COUNT_MOST) : 0;
  return { request, count, file: values.get('w') ?? '', printing };
}

function oneOf<T extends string>(option: string, value: string, values: readonly T[]): T {
  if (values.includes(value as T)) return value as T;
  throw new ControlError('EINVAL', `${option} ${value}: not ${values.filter((v) => v !== '').join(', ')}`);
}

function numberOf(option: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new ControlError('EINVAL', `${option} ${text}: not between ${min} and ${max}`);
}
