/**
 * Paced traffic between hosts on a bridge, and traffic that has the workers use every slot they have.
 */
import { fileURLToPath } from 'node:url';
import { type Host, type Lan, portLines } from './hosts.js';
import { residentOf } from './resident.js';

const FLOOD = fileURLToPath(new URL('../load/flood.js', import.meta.url));
const LENGTH = 60;
/** As many flows as a flood has frames: the kernel spreads them over the queues of a TAP. */
const FLOWS = 64;

/** Memory ports that nobody takes from: each keeps 1024 slots, all of them more than a worker has left. */
const HOARDERS = 24;
const HOARD_SECONDS = 0.4;
const HOARD_RATE = 20_000;
const HOARD_ROUNDS = 20;
/** What a round may add when every slot has been used before. */
const SETTLED_MIB = 1;

/** Frames of one flood. */
export interface FloodCount {
  readonly sent: number;
  /** Frames that the other host's link received meanwhile. */
  readonly arrived: number;
}

/** Sends small frames of many flows from one host to another, or to all, at `rate` frames a second. Resolves when it is over. */
export async function flood(
  lan: Lan,
  from: Host,
  to: Host,
  seconds: number,
  rate: number,
  broadcast = false,
): Promise<FloodCount> {
  const received = (): number => Number(to.netns.exec(['cat', `/sys/class/net/${to.tap}/statistics/rx_packets`]));
  const before = received();
  const dst = broadcast ? 'ff:ff:ff:ff:ff:ff' : lan.mac(to);
  const words = [from.tap, dst, lan.mac(from), seconds, rate, LENGTH, FLOWS].map(String);
  const child = from.netns.spawn([process.execPath, FLOOD, ...words]);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk;
    });
  }
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the flood ended with ${code}: ${said}`);
  return { sent: (JSON.parse(said) as { sent: number }).sent, arrived: received() - before };
}

/** The configuration that `lan` was started with, without further lines. */
export function baseLines(lan: Lan): string[] {
  return ['ifconfig veb0 create up', ...lan.hosts.flatMap(portLines)];
}

/**
 * Has the workers use every small slot they have: slots come home over rings that a worker empties when its own stack is dry, so
 * all of a pool are used in turn, and its pages become resident one by one. Afterwards memory that still grows is no slot's.
 */
export async function useEverySlot(lan: Lan): Promise<void> {
  const [a, b] = lan.hosts as [Host, Host];
  const { daemon } = lan;
  const base = baseLines(lan);
  const hoarders = Array.from({ length: HOARDERS }, (_, n) => [
    `ifconfig mem${100 + n} create up`,
    `ifconfig veb0 add mem${100 + n}`,
  ]);
  let settled = 0;
  for (let round = 0; round < HOARD_ROUNDS && settled < 2; round++) {
    const before = residentOf(daemon.pid).all;
    daemon.configure([...base, ...hoarders.flat()]);
    await daemon.run('reload');
    await flood(lan, a, b, HOARD_SECONDS, HOARD_RATE, true);
    daemon.configure(base);
    await daemon.run('reload');
    settled = residentOf(daemon.pid).all - before < SETTLED_MIB ? settled + 1 : 0;
  }
}
