/**
 * `erspan-encap`, `erspan-decap`: frames of 512 bytes from one memory port to another by way of an erspan interface that is a port of a
 * bridge, beside the same frames through a bridge alone, in the same process. The harness that brings frames back is not timed.
 */
import { typeTwo } from '../support/erspan.js';
import { ether, ipv4, mac } from '../support/fake-stack.js';
import { OfflineRouter } from '../support/offline-router.js';
import { type Bench, inTurn, type Measured, median, medianRatio, round, span } from './bench.js';
import { intoPort, memoryWay } from './memory-ways.js';

const ROUNDS = 9;
const LENGTH = 512;
/** Stations of the frames; the first is behind the egress. */
const [TO, FROM] = [mac(1), mac(2)];
const ADDRESS = '02:00:00:00:00:01';

/** Three bridges; what leaves the second and enters the third is encapsulated. */
async function connect(): Promise<OfflineRouter> {
  const router = new OfflineRouter();
  await router.configure(
    ...[0, 1, 2, 3].map((n) => `ifconfig mem${n} create up`),
    'ifconfig mem4 create lladdr 02:00:00:00:00:04 inet 192.0.2.1/24 up',
    'ifconfig erspan0 create tunnel 192.0.2.1 192.0.2.2 vnetid 5 up',
    'ifconfig erspan1 create tunnel 192.0.2.1 192.0.2.3 vnetid 5 -monitor up',
    `ifconfig veb0 create add mem0 add mem1 static mem1 ${ADDRESS} up`,
    `ifconfig veb1 create add mem2 add erspan0 static erspan0 ${ADDRESS} up`,
    `ifconfig veb2 create add erspan1 add mem3 static mem3 ${ADDRESS} up`,
  );
  router.bindNeighbour('mem4', '192.0.2.2', mac(9));
  return router;
}

/** Byte of the sequence number in ERSPAN over IPv4 with an Ethernet header. */
const SEQUENCE = 14 + 20 + 4;

/** One way beside the bridge alone. */
async function measure(way: 'encap' | 'decap'): Promise<Measured> {
  const router = await connect();
  const inner = ether(TO, FROM, 0x88b5, new Uint8Array(LENGTH - 14));
  const outer = ether(mac(4), mac(9), 0x0800, ipv4('192.0.2.3', '192.0.2.1', 47, typeTwo(inner)));
  const plain = memoryWay(router, intoPort(router, 'mem0'), [inner], 'mem1');
  const tunnel =
    way === 'encap'
      ? memoryWay(router, intoPort(router, 'mem2'), [inner], 'mem4')
      : memoryWay(router, intoPort(router, 'mem4'), [outer], 'mem3', { numberAt: SEQUENCE });
  for (let n = 0; n < 2; n++) {
    tunnel();
    plain();
  }
  const [ours = [], theirs = []] = await inTurn(ROUNDS, [tunnel, plain]);
  return {
    value: round(median(ours)),
    unit: 'ns/frame',
    ratio: medianRatio(theirs, ours),
    peer: `a veb alone (${round(median(theirs))} ns)`,
    note: `0.5 × wanted; ${LENGTH} bytes; ${ROUNDS} rounds, ours ${span(ours)}, theirs ${span(theirs)}`,
  };
}

export const erspanEncap: Bench = {
  name: 'erspan-encap',
  about: 'memory → veb → erspan → memory, 512 B, one worker',
  run: () => measure('encap'),
};

export const erspanDecap: Bench = {
  name: 'erspan-decap',
  about: 'memory → erspan → veb → memory, 512 B, one worker',
  run: () => measure('decap'),
};
