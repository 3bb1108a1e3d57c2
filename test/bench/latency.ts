/**
 * `latency`: ping between two namespaces, the time there and back, its median and its 99th percentile.
 *
 * Sparse: a ping every 5 ms and nothing else, with every `smrouter.idle` in turn. Beside it a forwarder in C that sleeps
 * (peers/tap-loop.c: poll, one read, one write), which is what any sleeping process pays, the same loop spinning, which is the floor
 * of any process on TAPs, and the kernel's bridge on veths.
 * Loaded: the same ping among 20 000 frames a second that a paced sender sends from a to b, to be dropped there at once;
 * evenly, and in bursts of 64; with the nice value that the bench has and with -10, as the slowest pings are those that find other
 * work of the machine on the worker's core. Beside it the bridge, and the spinning loop.
 *
 * Forwarders are on core 1, ping and sender on core 0. Rounds are interleaved. Each figure is the median over rounds; a
 * ratio is the peer's time / ours of the same round. Pings that are lost are in no figure, and told.
 */
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, medianRatio, round, span } from './bench.js';
import { Pace, type Paced } from './pace.js';
import { SENDER_CORE, type TwoHosts, throughBareLoop, throughLinuxBridge, throughSmrouter } from './two-hosts.js';

const COUNT = 300;
/** The first ones find caches and neighbours cold. */
const COLD = 10;
const INTERVAL = '0.005';
const ROUNDS = 5;
const RATE = 20_000;
const BURSTS = [1, 64];
const NICE = '-10';

/** Microseconds there and back, one element a round. */
export class Times {
  readonly p50: number[] = [];
  readonly p99: number[] = [];
  /** Pings that did not come back, of all rounds. */
  lost = 0;

  /** Adds a round. Throws when no ping came back. */
  add(times: readonly number[]): void {
    if (times.length === 0) throw new Error('no ping came back');
    this.lost += COUNT - COLD - times.length;
    const sorted = [...times].sort((a, b) => a - b);
    this.p50.push(median(sorted));
    this.p99.push(sorted[Math.ceil(sorted.length * 0.99) - 1] as number);
  }
}

/** Pings from a to b. Returns microseconds, without those that did not come back. */
export function ping(hosts: TwoHosts): number[] {
  const command = ['taskset', '-c', SENDER_CORE, 'ping', '-n', '-i', INTERVAL, '-c', String(COUNT), '-W', '1'];
  const said = hosts.a.exec([...command, hosts.addressB], { timeoutMs: 30_000, check: false });
  const times = [...said.matchAll(/icmp_seq=(\d+) .*time=([\d.]+) ms/g)];
  return times.filter((match) => Number(match[1]) > COLD).map((match) => Number(match[2]) * 1000);
}

/** Median and 99th percentile of ours beside a peer's. */
function figures(what: string, ours: Times, peer: string, theirs: Times, note = '', floor?: Times): Measured[] {
  const lost = ours.lost + theirs.lost === 0 ? '' : `; pings lost: ours ${ours.lost}, ${peer} ${theirs.lost}`;
  return (['p50', 'p99'] as const).map((key) => ({
    value: round(median(ours[key])),
    unit: 'µs',
    ratio: medianRatio(theirs[key], ours[key]),
    peer,
    ...(floor === undefined ? {} : { limit: round(median(floor[key])) }),
    note: `${key}, ${what}: ours ${span(ours[key])}, ${peer} ${round(median(theirs[key]))} (${span(theirs[key])})${note}${lost}`,
  }));
}

const C_LOOP = 'a sleeping forwarder in C, TAP';
const BRIDGE = 'Linux bridge, veth';

async function run(): Promise<Measured | string> {
  const skip = skipReason.root() || skipReason.tun();
  if (skip) return skip;
  const pace = Pace.make();
  const loop = pace && (await throughBareLoop(true));
  const spinning = pace && (await throughBareLoop(true, 'spin'));
  if (pace === undefined || loop === undefined || spinning === undefined) return 'needs a C compiler (cc)';
  process.kill(spinning.pid, 'SIGSTOP');
  /** The spinning loop has the core only while it is measured. */
  const awake = async <T>(measure: () => T | Promise<T>): Promise<T> => {
    process.kill(spinning.pid, 'SIGCONT');
    try {
      return await measure();
    } finally {
      process.kill(spinning.pid, 'SIGSTOP');
    }
  };
  const ours = await throughSmrouter(true);
  const bridge = await throughLinuxBridge();
  const set = (name: 'idle' | 'nice', value: string): void => {
    ours.smrctl('sysctl', `smrouter.${name}=${value}`);
  };
  const sparse = {
    adaptive: new Times(),
    sleep: new Times(),
    spin: new Times(),
    loop: new Times(),
    spinning: new Times(),
    bridge: new Times(),
  };
  const loaded = BURSTS.map((burst) => ({
    burst,
    ours: new Times(),
    nice: new Times(),
    spinning: new Times(),
    bridge: new Times(),
    rates: [] as number[],
  }));
  try {
    for (let n = 0; n < ROUNDS; n++) {
      for (const policy of ['sleep', 'adaptive', 'spin'] as const) {
        set('idle', policy);
        sparse[policy].add(ping(ours));
      }
      set('idle', 'adaptive');
      sparse.loop.add(ping(loop));
      sparse.spinning.add(await awake(() => ping(spinning)));
      sparse.bridge.add(ping(bridge));
      for (const { burst, rates, ...times } of loaded) {
        const among = async (hosts: TwoHosts): Promise<number[]> => {
          const { paced, result } = await pace.during(hosts, RATE, burst, () => ping(hosts));
          rates.push(rate(paced));
          return result;
        };
        times.ours.add(await among(ours));
        set('nice', NICE);
        times.nice.add(await among(ours));
        set('nice', 'inherit');
        times.spinning.add(await awake(() => among(spinning)));
        times.bridge.add(await among(bridge));
      }
    }
  } finally {
    for (const hosts of [ours, bridge, loop, spinning]) await hosts.stop();
  }
  const rounds = `; ${ROUNDS} rounds of ${COUNT} pings, one in 5 ms`;
  const [first, ...more] = [
    ...figures('sparse, idle=adaptive', sparse.adaptive, C_LOOP, sparse.loop, rounds),
    ...figures('sparse, idle=sleep', sparse.sleep, C_LOOP, sparse.loop),
    ...figures(
      'sparse, idle=spin',
      sparse.spin,
      BRIDGE,
      sparse.bridge,
      '; the limit: a spinning loop in C',
      sparse.spinning,
    ),
    ...loaded.flatMap(({ burst, rates, ...times }) => {
      const traffic = `among ${RATE} frames/s ${burst === 1 ? 'evenly' : `in bursts of ${burst}`}, idle=adaptive`;
      const note = `; the limit: a spinning loop in C; ${span(rates)} kframes/s taken by the links`;
      return [
        ...figures(traffic, times.ours, BRIDGE, times.bridge, note, times.spinning),
        ...figures(`${traffic}, smrouter.nice=${NICE}`, times.nice, BRIDGE, times.bridge, note, times.spinning),
      ];
    }),
  ] as [Measured, ...Measured[]];
  return { ...first, more };
}

/** Thousand frames a second that the link took. */
function rate(paced: Paced): number {
  return paced.sent / paced.seconds / 1000;
}

export const latency: Bench = { name: 'latency', about: 'ping between two namespaces through a veb on TAPs', run };
