/**
 * `route4`, `route6`: memory → memory through the router, 60- and 74-byte frames to 1000 networks behind 1000 resolved neighbours, one
 * worker; beside it, in turn and by the same loop, 60-byte frames through a veb with 1000 stations. What the hosts do is not timed.
 */
import { OfflineRouter } from '../support/offline-router.js';
import { RoutedHosts } from '../support/routed-hosts.js';
import { type Bench, interleaved, type Measured, round } from './bench.js';
import { Hosts, nsAFrame } from './memory-hosts.js';

const NEIGHBOURS = 1000;
const STATIONS = 1000;
const PAIRS = 9;

async function run(family: 4 | 6): Promise<Measured> {
  const router = new OfflineRouter();
  await router.ifconfig('veb0 create maxaddr 1024', 'mem0 create up', 'mem1 create up', 'veb0 add mem0 add mem1 up');
  const bridged = Hosts.on(router, ['mem0', 'mem1'], STATIONS);
  const routed = await RoutedHosts.on(router, ['mem2', 'mem3'], family, NEIGHBOURS);
  const forward = (): void => {
    while (router.loop.pollMemoryPorts() !== 0);
  };
  bridged.teach(forward);
  for (let i = 0; i < 3; i++) {
    nsAFrame(routed, forward);
    nsAFrame(bridged, forward);
  }
  const { a, b, ratio, spread } = await interleaved(
    PAIRS,
    () => nsAFrame(routed, forward),
    () => nsAFrame(bridged, forward),
  );
  return {
    value: round(a),
    unit: 'ns/frame',
    ratio: round(1 / ratio),
    peer: 'a veb, 1000 stations, by the same loop',
    note: `${round(1000 / a)} Mpps, ${round(ratio)} times the veb's ${round(b)} ns; ${spread}`,
  };
}

const ABOUT = 'memory → memory by route, 1000 next hops, one worker';

export const route4: Bench = { name: 'route4', about: `IPv4, 60 B, ${ABOUT}`, run: () => run(4) };
export const route6: Bench = { name: 'route6', about: `IPv6, 74 B, ${ABOUT}`, run: () => run(6) };
