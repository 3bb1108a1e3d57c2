/**
 * `rport`: what the hop from one routing domain to another costs, by an rport and by Ethernet (vport, veb, vport), memory → memory
 * in one thread. Either way a packet is routed twice; the hop is what a packet takes longer than one that is routed once, so
 * the second routing is in both figures.
 */
import { etherFrame } from '../support/ip-frame.js';
import { OfflineRouter } from '../support/offline-router.js';
import { macBytes } from '../support/rig.js';
import { udpPacket } from '../support/udp-packet.js';
import { type Bench, type Measured, median, round, span } from './bench.js';
import { intoPort, memoryWay } from './memory-ways.js';

const HOSTS = 64;
const ROUNDS = 11;
const IN = '02:00:00:00:00:01';
const NEAR = '02:00:00:00:00:02';
const FAR = '02:00:00:00:00:03';

/** Where packets to 10.1.0.0/16, 10.2.0.0/16 and 10.3.0.0/16 come out, and in which domain that is. */
const WAYS = [
  { out: 'mem1', rdomain: 0 },
  { out: 'mem2', rdomain: 1 },
  { out: 'mem3', rdomain: 2 },
] as const;

/** One router with all three ways, so that one pipeline is compiled for all. */
async function connect(): Promise<OfflineRouter> {
  const router = new OfflineRouter();
  await router.configure(
    `ifconfig mem0 create lladdr ${IN} inet 10.0.0.1/24 up`,
    ...WAYS.map(({ out, rdomain }, n) => `ifconfig ${out} create rdomain ${rdomain} inet 10.${n + 1}.0.1/16 up`),
    'ifconfig rport0 create inet 169.254.0.1 169.254.0.2 up',
    'ifconfig rport1 create rdomain 1 inet 169.254.0.2 169.254.0.1 up',
    'ifconfig rport0 parent rport1',
    `ifconfig vport0 create lladdr ${NEAR} inet 172.16.0.1/24 up`,
    `ifconfig vport1 create lladdr ${FAR} rdomain 2 inet 172.16.0.2/24 up`,
    `ifconfig veb0 create add vport0 add vport1 static vport1 ${FAR} up`,
    'route add 10.2.0.0/16 169.254.0.2',
    'route add 10.3.0.0/16 172.16.0.2',
  );
  router.bindNeighbour('vport0', '172.16.0.2', Uint8Array.from(macBytes(FAR)));
  WAYS.forEach(({ out }, n) => {
    for (let host = 2; host < HOSTS + 2; host++) {
      router.bindNeighbour(out, `10.${n + 1}.0.${host}`, Uint8Array.of(2, 0, 0, 1, n, host));
    }
  });
  return router;
}

/** Packets one way, to every host there. */
function packets(way: number): Uint8Array[] {
  return Array.from({ length: HOSTS }, (_, host) =>
    etherFrame(IN, '02:00:00:00:00:09', 0x0800, udpPacket('10.0.0.2', `10.${way + 1}.0.${host + 2}`)),
  );
}

async function run(): Promise<Measured> {
  const router = await connect();
  const into = intoPort(router, 'mem0');
  const senders = WAYS.map(({ out }, way) => memoryWay(router, into, packets(way), out));
  const times: number[][] = WAYS.map(() => []);
  for (let n = -2; n < ROUNDS; n++) {
    senders.forEach((send, way) => {
      const ns = send();
      if (n >= 0) (times[way] as number[]).push(ns);
    });
  }
  const [once = [], rport = [], ethernet = []] = times;
  const hops = rport.map((ns, n) => ns - (once[n] as number));
  const etherHops = ethernet.map((ns, n) => ns - (once[n] as number));
  const [hop, etherHop] = [median(hops), median(etherHops)];
  const whole = `routed once ${round(median(once))}, by the rport ${round(median(rport))}, by Ethernet ${round(median(ethernet))} ns`;
  const wanted = `${round(hop / etherHop)} × its time, 0.5 × wanted`;
  return {
    value: round(hop),
    unit: 'ns/hop',
    ratio: round(etherHop / hop),
    peer: `a hop vport, veb, vport (${round(etherHop)} ns)`,
    note: `${wanted}; ${whole}; ${ROUNDS} rounds, ours ${span(hops)}, theirs ${span(etherHops)}`,
  };
}

export const rport: Bench = { name: 'rport', about: 'a hop between routing domains, memory → memory, one worker', run };
