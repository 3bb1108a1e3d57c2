/**
 * `cpu`: processor time a frame at 100 000 frames a second, `idle=sleep`, beside the kernel's bridge on veths.
 *
 * What is counted. The bridge has no process: it runs in softirqs, on the account of whoever sent the frame. So both
 * forwarders are measured the same way: the scheduler's nanoseconds of all who had a part (the sender, the daemon's
 * threads, ksoftirqd) while a paced sender (peers/pace.c, which sleeps between its bursts) sends through the forwarder,
 * less the same while it sends over a bare veth to a host that drops the frames too, divided by the frames that arrived.
 * That leaves the forwarder and its one more link. The sender is cheaper on a TAP, which only queues the frame, than on a
 * veth, which delivers it at once; so ours can be less than what the daemon's threads alone have used, which the note
 * tells. A kernel without CONFIG_IRQ_TIME_ACCOUNTING, as here, charges softirqs to the task they interrupt (with it they
 * are missing, and only the second figure is good); those that come while a core is idle are charged to nobody.
 *
 * They are in the second figure, the same with the time both cores were not idle: what passed less `idle` and `iowait` of
 * /proc/stat, which the kernel takes from timestamps where a core's tick stops while it is idle (CONFIG_NO_HZ_IDLE); user,
 * system and softirq there are counted by ticks and too coarse. Time stolen by the hypervisor is in it, and told. The
 * work of everybody else on the machine is in it too, so it is taken from quiet rounds alone, and left out where there are
 * too few: rounds in which the time that is not accounted for in the first figure is little.
 *
 * Rounds are interleaved: bare veth, ours, the bridge, and two loops in C: one that sleeps, and one that lets frames gather as ours does.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, medianRatio, round, span } from './bench.js';
import { Pace } from './pace.js';
import { type TwoHosts, throughBareLoop, throughLinuxBridge, throughNothing, throughSmrouter } from './two-hosts.js';

const RATE = 100_000;
/** Frames that come together: few, as on a link; and as many as one sendmmsg of our own load generator has. */
const BURSTS = [8, 64];
const SECONDS = 3;
const ROUNDS = 5;
/** Part of the machine that may go to nobody we know in a quiet round: interrupts and wake-ups of idle cores are among it. */
const QUIET = 0.1;
/** Quiet rounds needed for the time the cores were not idle to mean something. */
const ENOUGH = 3;
/** USER_HZ, the unit of /proc/stat on every Linux that Node runs on. */
const STAT_TICK_NS = 1e7;

/** Nanoseconds in which the machine was not idle, and that were stolen from it, since some time. */
function machine(): { busy: number; stolen: number } {
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0] as string;
  const fields = line.split(/\s+/).slice(1).map(Number);
  const [, , , idle = 0, iowait = 0, , , stolen = 0] = fields;
  const passed = performance.now() * 1e6 * cpus().length;
  return { busy: passed - (idle + iowait) * STAT_TICK_NS, stolen: stolen * STAT_TICK_NS };
}

/** Nanoseconds on a core of all threads of a process. */
function threads(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return sum;
}

/** The kernel's softirq threads. */
function softirqThreads(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('ksoftirqd/');
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Nanoseconds a frame, one element a round. */
export interface Costs {
  readonly machine: number[];
  readonly tasks: number[];
  /** Of the daemon's threads alone. */
  readonly daemon: number[];
  readonly stolen: number[];
  readonly lost: number[];
  /** Part of the machine that was busy with something we do not know. */
  readonly others: number[];
}

export function noCosts(): Costs {
  return { machine: [], tasks: [], daemon: [], stolen: [], lost: [], others: [] };
}

/** One round through `hosts`; adds to `costs`. */
export function measure(
  pace: Pace,
  hosts: TwoHosts,
  burst: number,
  daemon: number | undefined,
  costs: Costs,
  rate = RATE,
): void {
  const kernel = softirqThreads();
  const received = (): number => Number(hosts.b.exec(['cat', `/sys/class/net/${hosts.linkB}/statistics/rx_packets`]));
  const tasks = (): number => kernel.reduce((sum, pid) => sum + threads(pid), 0);
  const own = (): number => (daemon === undefined ? 0 : threads(daemon));
  const start = performance.now();
  const before = { frames: received(), machine: machine(), tasks: tasks(), own: own() };
  const paced = pace.send(hosts, rate, burst, SECONDS);
  const after = { machine: machine(), tasks: tasks(), own: own(), frames: received() };
  const capacity = (performance.now() - start) * 1e6 * cpus().length;
  const frames = after.frames - before.frames;
  const busy = after.machine.busy - before.machine.busy;
  const known = paced.cpuNs + after.tasks - before.tasks + after.own - before.own;
  costs.machine.push(busy / frames);
  costs.tasks.push(known / frames);
  costs.daemon.push((after.own - before.own) / frames);
  costs.others.push((busy - known) / capacity);
  costs.stolen.push((after.machine.stolen - before.machine.stolen) / frames);
  costs.lost.push(1 - frames / (paced.sent + paced.refused));
}

async function run(): Promise<Measured | string> {
  const skip = skipReason.root() || skipReason.tun();
  if (skip) return skip;
  const pace = Pace.make();
  if (pace === undefined) return 'needs a C compiler (cc)';
  const ours = await throughSmrouter(true);
  ours.smrctl('sysctl', 'smrouter.idle=sleep');
  const bridge = await throughLinuxBridge();
  const nothing = await throughNothing();
  const loop = await throughBareLoop(true);
  const napping = await throughBareLoop(true, 'nap');
  if (loop === undefined || napping === undefined) return 'needs a C compiler (cc)';
  const results: Measured[] = [];
  try {
    for (const burst of BURSTS) {
      const costs = { ours: noCosts(), bridge: noCosts(), nothing: noCosts(), loop: noCosts(), napping: noCosts() };
      for (let n = 0; n < ROUNDS; n++) {
        measure(pace, nothing, burst, undefined, costs.nothing);
        measure(pace, ours, burst, ours.pid, costs.ours);
        measure(pace, bridge, burst, undefined, costs.bridge);
        measure(pace, loop, burst, loop.pid, costs.loop);
        measure(pace, napping, burst, napping.pid, costs.napping);
      }
      results.push(...figures(burst, costs));
    }
  } finally {
    for (const hosts of [ours, bridge, nothing, loop, napping]) await hosts.stop();
  }
  const [first, ...more] = results as [Measured, ...Measured[]];
  return { ...first, more };
}

/** The figures of one burst length. */
function figures(burst: number, costs: Record<'ours' | 'bridge' | 'nothing' | 'loop' | 'napping', Costs>): Measured[] {
  const figure = (key: 'machine' | 'tasks', what: string, keep: (n: number) => boolean): Measured => {
    const less = (who: Costs): number[] =>
      who[key].map((value, n) => value - (costs.nothing[key][n] as number)).filter((_, n) => keep(n));
    const [ours, bridge] = [less(costs.ours), less(costs.bridge)];
    const [loop, napping] = [less(costs.loop), less(costs.napping)];
    const bare = span(costs.nothing[key].filter((_, n) => keep(n)));
    const note = `${RATE} frames/s in bursts of ${burst}; ${what}; ours ${span(ours)}, the bridge ${span(bridge)}, a loop in C that sleeps ${span(loop)}, the bare veth that was taken off ${bare}`;
    return {
      value: round(median(ours)),
      unit: 'ns/frame',
      ratio: medianRatio(bridge, ours),
      peer: 'Linux bridge, veth',
      // The loop in C that lets frames gather: the same two calls.
      limit: round(median(napping)),
      note,
    };
  };
  const all = Object.values(costs);
  const quiet = (n: number): boolean => all.every((who) => (who.others[n] as number) < QUIET);
  const quietRounds = costs.ours.others.filter((_, n) => quiet(n)).length;
  const tasks = figure('tasks', 'time of the sender, ksoftirqd and the daemon', () => true);
  const daemon = `the daemon's threads alone ${span(costs.ours.daemon)}`;
  const lost = `lost ${percent(costs.ours.lost)}, by the bridge ${percent(costs.bridge.lost)}`;
  const others = `others had ${percent(all.flatMap((who) => who.others))} of the machine`;
  const first = { ...tasks, note: `${tasks.note}; ${daemon}; ${lost}; ${others}; ${ROUNDS} rounds of ${SECONDS} s` };
  if (quietRounds < ENOUGH) return [{ ...first, note: `${first.note}, too few of them quiet to tell idle time` }];
  const outside = figure('machine', `time in which the cores were not idle, ${quietRounds} quiet rounds`, quiet);
  const stolen = `stolen ${span(costs.ours.stolen)}, from the bridge ${span(costs.bridge.stolen)}`;
  return [first, { ...outside, note: `${outside.note}; ${stolen}` }];
}

/** The middle of some parts of 1, as text. */
function percent(parts: readonly number[]): string {
  return `${round(median(parts) * 100)} %`;
}

export const cpu: Bench = { name: 'cpu', about: 'processor time a frame at 100 000 frames a second', run };
