/**
 * What a router knows that its configuration does not say, kept in a file over a restart: learned addresses, neighbours and counters.
 * Main only.
 *
 * Nothing here is believed beyond its worth: an address has aged meanwhile, a neighbour comes back stale and so is asked again when it is
 * used, and of the frames that were in hand when the last process ended the books say `drop(worker-lost)`.
 */
import { closeSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { laneDrops, total } from '../shared/counter/books.js';
import { Drop } from '../shared/counter/drop-reason.js';
import { Lane, laneOf } from '../shared/layout/counters.js';
import { parseMac } from '../shared/wire/ethernet.js';
import { addressWords, formatAddress } from './config/address.js';
import { isDevice } from './control/interface-table.js';
import type { Router } from './router.js';
import { atOnce, inSlices, type Work } from './slices.js';

/** What the file is; another number is another format, and is not read. */
const VERSION = 1;
/** Addresses that are kept, of all bridges together: what the next one may learn anew within a second of traffic. */
const ADDRESSES_MOST = 100_000;

/** A learned address of a bridge; `age` in seconds when the snapshot was taken. */
interface KeptAddress {
  readonly veb: string;
  readonly port: string;
  readonly mac: string;
  readonly age: number;
}

/** A neighbour of an interface. */
interface KeptNeighbour {
  readonly interface: string;
  readonly address: string;
  readonly lladdr: string;
}

/** Counters of one interface, summed over threads, in the order of `Lane`. An empty name stands for all that are gone. */
interface KeptCounters {
  readonly interface: string;
  readonly type: string;
  readonly words: readonly number[];
}

/** A snapshot, as the file has it. */
export interface Snapshot {
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Number of drop reasons that the counters have, which come last in a lane. */
  readonly laneWords: number;
  readonly addresses: readonly KeptAddress[];
  readonly neighbours: readonly KeptNeighbour[];
  readonly counters: readonly KeptCounters[];
  /** Link-layer addresses that were generated, by interface: those who talk to us know them. */
  readonly lladdrs: Readonly<Record<string, string>>;
}

/** Entries of a list that are written without a pause. */
const PIECE = 256;

/** What is known now. */
export function takeSnapshot(router: Router): Snapshot {
  return atOnce(taking(router));
}

/** Takes a snapshot bit by bit: its parts are not of one moment. */
function* taking(router: Router): Work<Snapshot> {
  const { table, vebs, memory } = router;
  const addresses: KeptAddress[] = [];
  for (const veb of table.all().filter((live) => live.type === 'veb')) {
    for (const address of yield* vebs.listing(veb, ADDRESSES_MOST - addresses.length)) {
      addresses.push({ veb: veb.name, ...address });
    }
  }
  const neighbours = router.stack.neighbours().flatMap((n): KeptNeighbour[] => {
    const bound = n.state !== 'static' && n.state !== 'failed' && n.lladdr !== undefined;
    if (!bound) return [];
    const lladdr = Array.from(n.lladdr as Uint8Array, (byte) => byte.toString(16).padStart(2, '0')).join(':');
    return [{ interface: table.nameOf(n.index), address: formatAddress(n.words), lladdr }];
  });
  const words = (index: number): number[] =>
    Array.from({ length: Lane.WORDS }, (_, w) => total(memory.views, index, w));
  const counters: KeptCounters[] = [];
  for (const { index, name, type } of table.all()) {
    counters.push({ interface: name, type, words: words(index) });
    yield;
  }
  const lladdrs = Object.fromEntries(table.all().map(({ name, generated }) => [name, generated]));
  counters.push({ interface: '', type: 'mem', words: words(0) });
  return { version: VERSION, at: Date.now(), laneWords: Lane.WORDS, addresses, neighbours, counters, lladdrs };
}

/** Writes a snapshot so that the file is always whole. Throws an error of the file system. */
export function writeSnapshot(file: string, snapshot: Snapshot): void {
  atOnce(writing(file, snapshot));
}

/** The same bit by bit. */
function* writing(file: string, snapshot: Snapshot): Work<void> {
  const fd = openSync(`${file}.new`, 'w', 0o600);
  try {
    let before = '{';
    for (const [name, value] of Object.entries(snapshot)) {
      writeFileSync(fd, `${before}"${name}":`);
      before = ',';
      if (!Array.isArray(value)) writeFileSync(fd, JSON.stringify(value));
      else {
        for (let at = 0; at < value.length; at += PIECE) {
          const piece = JSON.stringify(value.slice(at, at + PIECE)).slice(1, -1);
          writeFileSync(fd, `${at === 0 ? '[' : ','}${piece}`);
          yield;
        }
        writeFileSync(fd, value.length === 0 ? '[]' : ']');
      }
    }
    writeFileSync(fd, '}');
  } finally {
    closeSync(fd);
  }
  renameSync(`${file}.new`, file);
}

/** Reads a snapshot; undefined if there is none. Throws Error for one that cannot be read. */
export function readSnapshot(file: string): Snapshot | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const snapshot = JSON.parse(text) as Snapshot;
  if (snapshot?.version !== VERSION || snapshot.laneWords !== Lane.WORDS)
    throw new Error(`${file}: of another version of smrouter`);
  for (const list of [snapshot.addresses, snapshot.neighbours, snapshot.counters])
    if (!Array.isArray(list)) throw new Error(`${file}: not a snapshot`);
  const lladdrs = Object.entries(snapshot.lladdrs ?? {});
  if (!lladdrs.every(([, lladdr]) => typeof lladdr === 'string' && parseMac(lladdr) !== undefined))
    throw new Error(`${file}: not a snapshot`);
  return snapshot;
}

/**
 * Gives a router that has just been configured what `snapshot` knows and its configuration has a place for. Returns how much that
 * was.
 */
export function restoreSnapshot(
  router: Router,
  snapshot: Snapshot,
): { addresses: number; neighbours: number; counters: number } {
  const { table, vebs } = router;
  const passed = Math.max(0, Math.round((Date.now() - snapshot.at) / 1000));
  const addresses = snapshot.addresses.filter(({ veb, port, mac, age }) => {
    const live = table.find(veb);
    return live?.type === 'veb' && vebs.remember(live, port, mac, Number(age) + passed);
  });
  const neighbours = snapshot.neighbours.filter(({ interface: name, address, lladdr }) => {
    const live = table.find(name);
    const mac = parseMac(lladdr);
    if (live === undefined || mac === undefined || !live.spec.up || live.spec.addresses.length === 0) return false;
    router.stack.remember(
      live.index,
      addressWords(address),
      Uint8Array.from(lladdr.split(':'), (hex) => Number.parseInt(hex, 16)),
    );
    return true;
  });
  restoreCounters(router, snapshot.counters);
  return { addresses: addresses.length, neighbours: neighbours.length, counters: snapshot.counters.length };
}

/** Adds kept counters to main's lanes, and makes them balance: they were read one after the other while frames moved. */
function restoreCounters(router: Router, kept: readonly KeptCounters[]): void {
  const { views, me } = router.memory;
  const { counters } = views;
  let inHand = 0;
  for (const { interface: name, type, words } of kept) {
    const live = name === '' ? undefined : router.table.find(name);
    const here = live?.type === type ? live.index : 0;
    const device = name === '' || isDevice(type as never);
    const lane = Float64Array.from(
      { length: Lane.WORDS },
      (_, w) => Math.max(0, Math.trunc(Number(words[w] ?? 0))) || 0,
    );
    if (device) {
      lane[Lane.READ] = (lane[Lane.IPACKETS] as number) + laneDrops(lane, 0, 'rx');
      lane[Lane.QUEUED] = (lane[Lane.OPACKETS] as number) + laneDrops(lane, 0, 'tx');
    } else if (here === 0) {
      // Packets of a bridge that is gone are no frames of a device (books.ts, settle).
      lane.fill(0, 0, Lane.COPIED);
    }
    inHand += came(lane, device) - went(lane, device);
    const at = laneOf(me, here);
    for (let word = 0; word < Lane.WORDS; word++) counters[at + word] += lane[word] as number;
  }
  const gone = laneOf(me, 0);
  if (inHand > 0) counters[gone + Lane.DROPS + Drop.WORKER_LOST] += inHand;
  // An end that was read after its beginning: that frame had come by then.
  for (const word of [Lane.READ, Lane.IPACKETS]) counters[gone + word] += Math.max(0, -inHand);
}

function came(lane: Float64Array, device: boolean): number {
  const made = (lane[Lane.COPIED] as number) + (lane[Lane.ORIGINATED] as number) + (lane[Lane.SEGMENTED] as number);
  return made + (device ? (lane[Lane.READ] as number) : 0);
}

function went(lane: Float64Array, device: boolean): number {
  return (lane[Lane.CONSUMED] as number) + laneDrops(lane, 0) + (device ? (lane[Lane.OPACKETS] as number) : 0);
}

/** Shortest time between two snapshots, and how much of all time their writing may take at most. */
const PERIOD_MS = 10_000;
const SHARE = 0.1;

/**
 * Writes a snapshot of `router` to `file` every ten seconds, in slices, or less often where that takes long. `failed` hears why one could
 * not be written. Returns what ends that, after a last one.
 */
export function keepSnapshots(router: Router, file: string, failed: (error: unknown) => void): () => void {
  let ended = false;
  // What has been handed over, or taken down, is no longer ours to know.
  const keeping = function* (): Work<void> {
    if (router.goesOn) yield* writing(file, yield* taking(router));
  };
  const turn = async (): Promise<void> => {
    const began = performance.now();
    await inSlices(keeping(), () => !ended && router.goesOn).catch(failed);
    if (!ended) timer = setTimeout(turn, Math.max(PERIOD_MS, (performance.now() - began) / SHARE));
  };
  let timer = setTimeout(turn, PERIOD_MS);
  return () => {
    ended = true;
    clearTimeout(timer);
    try {
      atOnce(keeping());
    } catch (error) {
      failed(error);
    }
  };
}
