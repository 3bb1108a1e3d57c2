/**
 * `ports`: the kinds of port beside each other, each as both ends of a veb with one worker: 60-byte and 1514-byte frames, one stream of
 * TCP, and processor time a frame. It is what the README's table of ports says.
 */
import { skipReason } from '../support/require.js';
import { type Kind, type ProcessHosts, throughAttached } from './attached-hosts.js';
import { type Bench, type Measured, median, round, span } from './bench.js';
import { type Costs, measure as measureCost, noCosts } from './cpu.js';
import { Pace } from './pace.js';
import { iperf } from './tap-tcp.js';
import { floodOnce } from './two-hosts.js';

const KINDS: readonly Kind[] = ['tap', 'xdp', 'packet'];
const ROUNDS = 3;
const SECONDS = 2;
/** Frames a second at which processor time is compared, and how many come together. */
const RATE = 100_000;
const TOGETHER = 32;

/** What was found of one kind. */
interface Found {
  readonly short: number[];
  readonly long: number[];
  readonly tcp: number[];
  readonly cost: Costs;
}

type Hosts = ProcessHosts & { smrctl(...words: string[]): string };

/** One round through `hosts`. */
async function measureRound(hosts: Hosts, pace: Pace, found: Found): Promise<void> {
  hosts.smrctl('sysctl', 'smrouter.idle=adaptive');
  for (const [size, into] of [
    ['60', found.short],
    ['1514', found.long],
  ] as const) {
    into.push(floodOnce({ ...hosts, flood: ['0', size] }, SECONDS).got);
  }
  found.tcp.push(await iperf(hosts, 1));
  hosts.smrctl('sysctl', 'smrouter.idle=sleep');
  measureCost(pace, hosts, TOGETHER, hosts.pid, found.cost, RATE);
}

async function run(): Promise<Measured | string> {
  const skip = skipReason.root() || skipReason.tun();
  if (skip) return skip;
  const pace = Pace.make();
  if (pace === undefined) return 'needs a C compiler (cc)';
  const all: { kind: Kind; hosts: Hosts; found: Found }[] = [];
  for (const kind of KINDS) {
    const hosts = await throughAttached([kind, kind], true);
    all.push({ kind, hosts, found: { short: [], long: [], tcp: [], cost: noCosts() } });
  }
  try {
    for (let n = 0; n < ROUNDS; n++) for (const { hosts, found } of all) await measureRound(hosts, pace, found);
  } finally {
    for (const { hosts } of all) await hosts.stop();
  }
  const [first, ...more] = all.map(({ kind, found: { short, long, tcp, cost } }): Measured => {
    const rates = `60 B ${span(short)}, 1514 B ${round(median(long))} (${span(long)}) kframes/s`;
    const time = `at ${RATE} frames/s in bursts of ${TOGETHER}, idle=sleep: ${round(median(cost.tasks))} ns a frame with the sender, ${round(median(cost.daemon))} ns of it smrouter's`;
    const note = `${kind}: ${rates}; TCP ${round(median(tcp))} (${span(tcp)}) Gb/s; ${time}; ${ROUNDS} rounds`;
    return { value: round(median(short)), unit: 'kframes/s', note };
  }) as [Measured, ...Measured[]];
  return { ...first, more };
}

export const ports: Bench = { name: 'ports', about: 'TAP, AF_XDP and AF_PACKET beside each other', run };
