/**
 * `erspan-mirror`: what an erspan span port costs the frames that a bridge mirrors to it.
 *
 * In memory: nanoseconds a frame from one port to another, with every frame mirrored beside none, in one process. On TAPs: frames a second
 * that get through, and pings, sparse and among 20 000 frames a second in bursts of 64, with the span port and without, in turn. The collector is a
 * TAP whose host drops what comes.
 */

import { ether, mac } from '../support/fake-stack.js';
import { Netns } from '../support/netns.js';
import { OfflineRouter } from '../support/offline-router.js';
import { skipReason } from '../support/require.js';
import { type Bench, inTurn, type Measured, median, medianRatio, round, span } from './bench.js';
import { ping, Times } from './latency.js';
import { intoPort, memoryWay } from './memory-ways.js';
import { Pace } from './pace.js';
import { floodOnce, type SmrouterHosts, throughSmrouter } from './two-hosts.js';

const LENGTHS = [60, 512];
const ROUNDS = 9;
const TAP_ROUNDS = 5;
const SECONDS = 2;
const RATE = 20_000;
const BURST = 64;
const ADDRESS = '02:00:00:00:00:01';
/** Of nobody: the host behind the collector's TAP drops what is for it at once. */
const COLLECTOR = '02:00:00:00:5e:99';

/** Frames of `length` bytes through a bridge that mirrors them, beside one that does not. */
async function inMemory(length: number): Promise<Measured> {
  const router = new OfflineRouter();
  await router.configure(
    ...[0, 1, 2, 3].map((n) => `ifconfig mem${n} create up`),
    'ifconfig mem4 create inet 192.0.2.1/24 up',
    'ifconfig erspan0 create tunnel 192.0.2.1 192.0.2.2 vnetid 5 up',
    `ifconfig veb0 create add mem0 add mem1 static mem1 ${ADDRESS} up`,
    `ifconfig veb1 create add mem2 add mem3 static mem3 ${ADDRESS} addspan erspan0 up`,
  );
  router.bindNeighbour('mem4', '192.0.2.2', mac(9));
  const frame = ether(mac(1), mac(2), 0x88b5, new Uint8Array(length - 14));
  const plain = memoryWay(router, intoPort(router, 'mem0'), [frame], 'mem1');
  const mirrored = memoryWay(router, intoPort(router, 'mem2'), [frame], 'mem3', { copiesTo: 'mem4' });
  for (let n = 0; n < 2; n++) {
    mirrored();
    plain();
  }
  const [ours = [], without = []] = await inTurn(ROUNDS, [mirrored, plain]);
  return {
    value: round(median(ours)),
    unit: 'ns/frame',
    ratio: medianRatio(without, ours),
    peer: `the veb without a span port (${round(median(without))} ns)`,
    note: `memory, ${length} B, copies included; ${ROUNDS} rounds, with ${span(ours)}, without ${span(without)}`,
  };
}

/** The same on TAPs. */
async function onTaps(): Promise<Measured[]> {
  const collector = Netns.create('mc');
  const hosts = await throughSmrouter(true);
  const rates: [number[], number[]] = [[], []];
  const sparse: [Times, Times] = [new Times(), new Times()];
  const loaded: [Times, Times] = [new Times(), new Times()];
  const pace = Pace.make();
  try {
    prepare(hosts, collector);
    for (let n = 0; n < TAP_ROUNDS; n++) {
      for (const mirrored of [0, 1] as const) {
        hosts.smrctl('ifconfig', 'veb0', mirrored === 1 ? 'addspan' : 'delspan', 'erspan0');
        rates[mirrored].push(floodOnce(hosts, SECONDS).got);
        sparse[mirrored].add(ping(hosts));
        if (pace === undefined) continue;
        const { result } = await pace.during(hosts, RATE, BURST, () => ping(hosts));
        loaded[mirrored].add(result);
      }
    }
  } finally {
    await hosts.stop();
    collector.destroy();
  }
  const times = (what: string, [without, ours]: [Times, Times]): Measured[] =>
    (['p50', 'p99'] as const).map((key) => ({
      value: round(median(ours[key])),
      unit: 'µs',
      ratio: medianRatio(without[key], ours[key]),
      peer: `without a span port (${round(median(without[key]))} µs)`,
      note: `ping ${key}, ${what}: with ${span(ours[key])}, without ${span(without[key])}; lost ${ours.lost}, ${without.lost}`,
    }));
  const [without, ours] = rates;
  return [
    {
      value: round(median(ours)),
      unit: 'kframes/s',
      ratio: medianRatio(ours, without),
      peer: `without a span port (${round(median(without))})`,
      note: `TAPs, 60 B, originals through: with ${span(ours)}, without ${span(without)}; ${TAP_ROUNDS} rounds of ${SECONDS} s`,
    },
    ...times('sparse', sparse),
    ...(pace === undefined ? [] : times(`among ${RATE} frames/s in bursts of ${BURST}`, loaded)),
  ];
}

/** The erspan interface, and a way to a collector. */
function prepare(hosts: SmrouterHosts, collector: Netns): void {
  hosts.smrctl('ifconfig', 'tap18', 'create', 'netns', collector.name, 'inet', '192.0.2.1/24', 'up');
  collector.exec(['ip', 'link', 'set', 'tap18', 'up']);
  hosts.smrctl('arp', '-s', '192.0.2.2', COLLECTOR);
  hosts.smrctl('ifconfig', 'erspan0', 'create', 'tunnel', '192.0.2.1', '192.0.2.2', 'vnetid', '5', 'up');
  hosts.smrctl('ifconfig', 'veb0', 'addspan', 'erspan0');
}

async function run(): Promise<Measured | string> {
  const memory: Measured[] = [];
  for (const length of LENGTHS) memory.push(await inMemory(length));
  const taps = skipReason.root() || skipReason.tun() ? [] : await onTaps();
  const [first, ...more] = [...memory, ...taps] as [Measured, ...Measured[]];
  return { ...first, more };
}

export const erspanMirror: Bench = {
  name: 'erspan-mirror',
  about: 'what an erspan span port costs the originals',
  run,
};
