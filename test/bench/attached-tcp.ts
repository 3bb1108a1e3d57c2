/**
 * `packet-tcp`: iperf3 between two namespaces through a veb on AF_PACKET, beside the kernel's bridge and DPDK's testpmd.
 * `mixed-tcp`: through a veb of a TAP and an AF_PACKET port, beside one of two TAPs.
 */
import { skipReason } from '../support/require.js';
import { alone, throughAttached, throughTestpmd } from './attached-hosts.js';
import { type Bench, inTurn, type Measured, median, medianRatio, round, span } from './bench.js';
import { iperf } from './tap-tcp.js';
import { type TwoHosts, throughLinuxBridge, throughSmrouter } from './two-hosts.js';

const ROUNDS = 3;

/** One stream through each in turn; the first is ours. */
async function tcp(all: Record<string, TwoHosts | string>): Promise<Measured> {
  try {
    const there = Object.entries(all).filter((entry): entry is [string, TwoHosts] => typeof entry[1] !== 'string');
    const found = await inTurn(
      ROUNDS,
      there.map(
        ([, hosts]) =>
          () =>
            alone(Object.values(all), hosts, () => iperf(hosts, 1)),
      ),
    );
    const ours = found[0] as number[];
    const absent = Object.entries(all).flatMap(([name, hosts]) =>
      typeof hosts === 'string' ? [`; ${name}: ${hosts}`] : [],
    );
    const [first, ...more] = there.slice(1).map(([peer], n): Measured => {
      const theirs = found[n + 1] as number[];
      const note = `1 stream, ${ROUNDS} rounds; ours ${span(ours)}, ${peer} ${span(theirs)}${absent.join('')}`;
      return { value: round(median(ours)), unit: 'Gb/s', ratio: medianRatio(ours, theirs), peer, note };
    }) as [Measured, ...Measured[]];
    return { ...first, more };
  } finally {
    for (const hosts of Object.values(all)) if (typeof hosts !== 'string') await hosts.stop();
  }
}

export const packetTcp: Bench = {
  name: 'packet-tcp',
  about: 'iperf3 through a veb on AF_PACKET',
  run: async () =>
    skipReason.root() ||
    tcp({
      ours: await throughAttached(['packet', 'packet'], false),
      'Linux bridge, veth': await throughLinuxBridge(),
      'smrouter, AF_XDP': await throughAttached(['xdp', 'xdp'], false),
      'DPDK testpmd, net_af_packet': await throughTestpmd('net_af_packet'),
    }),
};

export const mixedTcp: Bench = {
  name: 'mixed-tcp',
  about: 'iperf3 through a veb of a TAP and an AF_PACKET port',
  run: async () =>
    skipReason.root() ||
    skipReason.tun() ||
    tcp({
      ours: await throughAttached(['tap', 'packet'], false),
      'smrouter, two TAPs': await throughSmrouter(false),
      'smrouter, TAP and AF_XDP': await throughAttached(['tap', 'xdp'], false),
      'Linux bridge, veth': await throughLinuxBridge(),
    }),
};
