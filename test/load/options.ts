/** What `npm run load` takes. Every error is thrown before anything is made. */
import { parseArgs } from 'node:util';
import { isLinkName } from '../../src/shared/sys/link.js';
import { isGroup, parseMac } from '../../src/shared/wire/ethernet.js';
import type { Place } from './link-process.js';
import { parseSize, type Size } from './sizes.js';

const MOST_FLOWS = 65_536;

export const HELP = `usage: npm run load -- --from LINK[@NETNS] --to LINK[@NETNS] [options]
       npm run load -- --lab [options]

Sends numbered, checksummed frames into one link and proves at another that none was lost, duplicated, reordered within its
flow or corrupted. Links are this machine's (root); both ends share its clock. --lab makes its own: a smrouterd, a veb and two
TAPs in two namespaces, removed at the end.

  --from LINK[@NETNS]   where frames are sent; NETNS is a name under /run/netns, or an absolute path
  --to LINK[@NETNS]     where they are expected
  --lab                 makes both, and a bridge between them; with --workers N, default 1
  --rate N              frames a second, 0 as fast as it goes; default 10000
  --window N            frames under way at most, each way: fewer than any queue between holds, and none is lost for want of room;
                        default 0, no bound
  --seconds N           default 10, or until --count is reached
  --count N             frames at most
  --size BYTES|imix     length without FCS, 60 to 1514; imix is 7 of 60, 4 of 590, 1 of 1514; default 60
  --macs N              source addresses; default is the link's own address alone
  --flows N             sequences that are kept in order, at most ${MOST_FLOWS}; at least as many as --macs, which is the default
  --destination MAC     default is the address of the link frames are expected at
  --bidirectional       both directions at once, at --rate each
  --seed N              of payloads, of the order of sizes; default random, and printed
  --socket PATH         control socket of the smrouterd between: its drops by reason are shown
  --allow-loss PERCENT  loss that is no failure; default 0
  --json                prints one JSON object (with npm run -s, nothing else)
  --help                this text

Exit status: 0 all arrived once, whole and in order; 1 something did not; 2 wrong usage, or it could not be run.
`;

export interface Options {
  /** Undefined: the lab makes both ends. */
  readonly ends?: { readonly from: Place; readonly to: Place };
  readonly workers: number;
  readonly rate: number;
  /** Most frames under way; 0 = no bound. */
  readonly window: number;
  readonly seconds: number;
  readonly count: number;
  readonly size: Size;
  readonly macs: number;
  readonly flows: number;
  readonly destination?: string;
  readonly bidirectional: boolean;
  readonly seed: number;
  readonly socket?: string;
  /** In percent. */
  readonly allowLoss: number;
  readonly json: boolean;
}

/** Wrong usage; the message says of what. */
export class UsageError extends Error {}

/** Reads the arguments; `help` for a call for help. Throws UsageError. */
export function parseOptions(args: readonly string[]): Options | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  const { from, to, lab = false, destination, socket } = values;
  if (lab === (from !== undefined || to !== undefined)) throw new UsageError('either --from and --to, or --lab');
  if (lab && socket !== undefined) throw new UsageError('--lab has a socket of its own');
  if (!lab && values.workers !== undefined) throw new UsageError('--workers is for --lab');
  if (destination !== undefined) {
    if (values.bidirectional) throw new UsageError('--destination is for one direction');
    const mac = parseMac(destination);
    if (mac === undefined) throw new UsageError(`--destination ${destination}: not a MAC address`);
    if (isGroup(mac.hi) && destination.toLowerCase().startsWith('01:80:c2:00:00:0'))
      throw new UsageError(`--destination ${destination}: reserved, a bridge does not forward it`);
  }
  const size = parseSize(values.size ?? '60');
  if (size === undefined) throw new UsageError(`--size ${values.size}: 60 to 1514, or imix`);
  const count = whole(values, 'count', 1, 2 ** 48, Number.POSITIVE_INFINITY);
  const macs = whole(values, 'macs', 1, MOST_FLOWS, 0);
  return {
    ...(lab ? {} : { ends: { from: place('from', from), to: place('to', to) } }),
    ...(destination === undefined ? {} : { destination }),
    ...(socket === undefined ? {} : { socket }),
    workers: whole(values, 'workers', 1, 16, 1),
    rate: whole(values, 'rate', 0, 1e8, 10_000),
    window: whole(values, 'window', 0, 1e6, 0),
    seconds: decimal(values, 'seconds', 0.001, 1e6, Number.isFinite(count) ? 1e6 : 10),
    count,
    size,
    macs,
    flows: whole(values, 'flows', Math.max(1, macs), MOST_FLOWS, Math.max(1, macs)),
    bidirectional: values.bidirectional ?? false,
    seed: whole(values, 'seed', 0, 2 ** 32 - 1, Math.floor(Math.random() * 2 ** 32)),
    allowLoss: decimal(values, 'allow-loss', 0, 100, 0),
    json: values.json ?? false,
  };
}

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean' } as const;
const OPTIONS = {
  from: TEXT,
  to: TEXT,
  lab: FLAG,
  workers: TEXT,
  rate: TEXT,
  window: TEXT,
  seconds: TEXT,
  count: TEXT,
  size: TEXT,
  macs: TEXT,
  flows: TEXT,
  destination: TEXT,
  bidirectional: FLAG,
  seed: TEXT,
  socket: TEXT,
  'allow-loss': TEXT,
  json: FLAG,
  help: FLAG,
} as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message.split('\n')[0]);
  }
}

type Values = ReturnType<typeof parse>;
type Numeric = 'workers' | 'rate' | 'window' | 'seconds' | 'count' | 'macs' | 'flows' | 'seed' | 'allow-loss';

function whole(values: Values, name: Numeric, least: number, most: number, fallback: number): number {
  const text = values[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new UsageError(`--${name} ${text}: a whole number from ${least} to ${most}`);
  return value;
}

function decimal(values: Values, name: Numeric, least: number, most: number, fallback: number): number {
  const text = values[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value < least || value > most)
    throw new UsageError(`--${name} ${text}: a number from ${least} to ${most}`);
  return value;
}

/** LINK or LINK@NETNS; a link's name may have an @ of its own, a namespace's may not. */
function place(option: string, text: string | undefined): Place {
  if (text === undefined) throw new UsageError(`--${option} is missing`);
  const at = text.lastIndexOf('@');
  const link = at < 0 ? text : text.slice(0, at);
  const netns = at < 0 ? undefined : text.slice(at + 1);
  if (!isLinkName(link) || netns === '') throw new UsageError(`--${option} ${text}: LINK or LINK@NETNS`);
  return netns === undefined ? { link } : { link, netns };
}
