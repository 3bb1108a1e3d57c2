/**
 * `tap-route-tcp`, `tap-route-pps`: as `tap-tcp` and `tap-pps`, between two networks that smrouterd on TAPs routes between; in turn with it,
 * the kernel that routes between two veths.
 */
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, medianRatio, round, span } from './bench.js';
import { measure, Rates, ROUNDS, SECONDS } from './tap-pps.js';
import { iperf } from './tap-tcp.js';
import { routedByLinux, routedBySmrouter, type TwoHosts } from './two-hosts.js';

/** Runs `work` on both, which are taken down whatever happens; or says why it cannot. */
async function onBoth<T>(pinned: boolean, work: (ours: TwoHosts, kernel: TwoHosts) => Promise<T>): Promise<T | string> {
  const skip = skipReason.root() || skipReason.tun();
  if (skip) return skip;
  const ours = await routedBySmrouter(pinned);
  const kernel = await routedByLinux();
  try {
    return await work(ours, kernel);
  } finally {
    await ours.stop();
    await kernel.stop();
  }
}

async function tcp(ours: TwoHosts, kernel: TwoHosts): Promise<Measured> {
  const results: Measured[] = [];
  for (const streams of [1, 4]) {
    const rates = { ours: [] as number[], kernel: [] as number[] };
    for (let n = 0; n < ROUNDS; n++) {
      rates.ours.push(await iperf(ours, streams));
      rates.kernel.push(await iperf(kernel, streams));
    }
    const note = `${streams} streams, ${ROUNDS} rounds of ${SECONDS} s; ours ${span(rates.ours)}, the kernel ${span(rates.kernel)}`;
    const ratio = medianRatio(rates.ours, rates.kernel);
    results.push({ value: round(median(rates.ours)), unit: 'Gb/s', ratio, peer: 'Linux forwarding, veth', note });
  }
  const [first, ...more] = results as [Measured, ...Measured[]];
  return { ...first, more };
}

async function pps(ours: TwoHosts, kernel: TwoHosts): Promise<Measured> {
  const rates = { ours: new Rates(), kernel: new Rates() };
  for (let n = 0; n < ROUNDS; n++) {
    measure(ours, rates.ours);
    measure(kernel, rates.kernel);
  }
  return {
    value: round(median(rates.ours.got)),
    unit: 'kframes/s',
    ratio: medianRatio(rates.ours.got, rates.kernel.got),
    peer: 'Linux forwarding, veth, one softirq core',
    note: `ours: ${rates.ours.note}; the kernel: ${rates.kernel.note}; ${ROUNDS} rounds of ${SECONDS} s`,
  };
}

export const tapRouteTcp: Bench = {
  name: 'tap-route-tcp',
  about: 'iperf3 between two namespaces that are routed between, on TAPs',
  run: () => onBoth(false, tcp),
};
export const tapRoutePps: Bench = {
  name: 'tap-route-pps',
  about: '60-byte packets routed between TAPs',
  run: () => onBoth(true, pps),
};
