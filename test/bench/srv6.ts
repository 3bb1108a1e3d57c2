/**
 * `end-dt4`, `h-encaps`, `vrf-scale`: memory → memory through a provider edge, 64-byte inner packets, one worker; beside it, in turn and by
 * the same loop, plain IPv4 routing (`route4`) or the same edge with one VRF. What the hosts do is not timed.
 */
import { OfflineRouter } from '../support/offline-router.js';
import { endsOf, RemadeFrames, ROUND } from '../support/remade-frames.js';
import { RoutedHosts } from '../support/routed-hosts.js';
import { addEdge, coreFrames, tenantFrames } from '../support/srv6-edge.js';
import { type Bench, interleaved, type Measured, round } from './bench.js';
import { nsAFrame, type Rounds } from './memory-hosts.js';

const NEIGHBOURS = 1000;
const PAIRS = 9;

/** A router with an edge and plain routing, and what drives its worker. */
async function edge(): Promise<{ router: OfflineRouter; routed: Rounds; forward: () => void }> {
  const router = new OfflineRouter();
  await addEdge(router, 1, NEIGHBOURS);
  const routed = await RoutedHosts.on(router, ['mem2', 'mem3'], 4, NEIGHBOURS);
  const forward = (): void => {
    while (router.loop.pollMemoryPorts() !== 0);
  };
  return { router, routed, forward };
}

/** Nanoseconds a frame of `ours`, beside those of plain routing. */
async function beside(
  ours: Rounds,
  routed: Rounds,
  forward: () => void,
): Promise<Awaited<ReturnType<typeof interleaved>>> {
  for (let i = 0; i < 3; i++) {
    nsAFrame(ours, forward);
    nsAFrame(routed, forward);
  }
  return interleaved(
    PAIRS,
    () => nsAFrame(ours, forward),
    () => nsAFrame(routed, forward),
  );
}

async function runDt4(): Promise<Measured> {
  const { router, routed, forward } = await edge();
  const ends = endsOf(router, 'mem0', 'mem1');
  const plain = new RemadeFrames(router, ends, coreFrames(1, NEIGHBOURS, ROUND, false));
  const headed = new RemadeFrames(router, ends, coreFrames(1, NEIGHBOURS, ROUND, true));
  const without = await beside(plain, routed, forward);
  const withSrh = await beside(headed, routed, forward);
  return {
    value: round(withSrh.a),
    unit: 'ns/packet',
    ratio: round(1 / withSrh.ratio),
    peer: 'route4, by the same loop',
    note:
      `with an SRH ${round(withSrh.ratio)} times route4's ${round(withSrh.b)} ns, without ${round(without.a)} ns, ` +
      `${round(without.ratio)} times ${round(without.b)}; ≤ 1.6 wanted; ${withSrh.spread}`,
  };
}

async function runEncaps(): Promise<Measured> {
  const { router, routed, forward } = await edge();
  const ends = endsOf(router, 'mem1', 'mem0');
  const reduced = await beside(new RemadeFrames(router, ends, tenantFrames(ROUND, true)), routed, forward);
  const full = await beside(new RemadeFrames(router, ends, tenantFrames(ROUND, false)), routed, forward);
  return {
    value: round(reduced.a),
    unit: 'ns/packet',
    ratio: round(1 / reduced.ratio),
    peer: 'route4, by the same loop',
    note:
      `reduced ${round(reduced.ratio)} times route4's ${round(reduced.b)} ns, with an SRH ${round(full.a)} ns, ` +
      `${round(full.ratio)} times; ≤ 1.6 wanted; ${reduced.spread}`,
  };
}

const VRFS = 1000;
const ROUTES = 100;

async function runScale(): Promise<Measured> {
  const router = new OfflineRouter();
  const before = router.memory.heap.usedWords;
  await addEdge(router, VRFS, ROUTES);
  const bytes = (router.memory.heap.usedWords - before) * 4;
  const forward = (): void => {
    while (router.loop.pollMemoryPorts() !== 0);
  };
  const ends = endsOf(router, 'mem0', 'mem1');
  const one = new RemadeFrames(router, ends, coreFrames(1, ROUTES, ROUND, true));
  const many = new RemadeFrames(router, ends, coreFrames(VRFS, ROUTES, ROUND, true));
  const { a, b, ratio, spread } = await beside(many, one, forward);
  return {
    value: round(a),
    unit: 'ns/packet',
    ratio: round(1 / ratio),
    peer: 'one VRF of the thousand, by the same loop',
    note: `one VRF ${round(b)} ns; ≥ 0.7 of its rate wanted; ${round(bytes / 2 ** 20)} MiB of heap; ${spread}`,
  };
}

export const endDt4: Bench = {
  name: 'end-dt4',
  about: 'End.DT4, 64 B inner, 1000 tenant routes, with and without an SRH, memory → memory',
  run: runDt4,
};
export const hEncaps: Bench = { name: 'h-encaps', about: 'H.Encaps.Red, one SID, memory → memory', run: runEncaps };
export const vrfScale: Bench = {
  name: 'vrf-scale',
  about: `End.DT4 into ${VRFS} VRFs with ${ROUTES} routes each`,
  run: runScale,
};
