/**
 * `dt4-tap`: 64-byte packets in 40 bytes of outer header from a TAP through End.DT4 to another; beside it, in turn, Linux's End.DX4 between two
 * veths. `dt4-tcp`: iperf3 between hosts of two VRFs, H.Encaps one way in, End.DT4 out, in one smrouterd, superframes whole; beside it two Linux
 * routers that do the same with End.DX4.
 */
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, medianRatio, round, span } from './bench.js';
import { dt4BySmrouter, dx4ByLinux, tunnelByLinux, tunnelBySmrouter } from './srv6-hosts.js';
import { measure, Rates, ROUNDS, SECONDS } from './tap-pps.js';
import { iperf } from './tap-tcp.js';
import type { TwoHosts } from './two-hosts.js';

/** Runs `work` on both, which are taken down whatever happens; or says why it cannot. */
async function onBoth(
  ours: () => Promise<TwoHosts>,
  theirs: () => Promise<TwoHosts>,
  work: (ours: TwoHosts, theirs: TwoHosts) => Promise<Measured>,
): Promise<Measured | string> {
  const skip = skipReason.root() || skipReason.tun();
  if (skip) return skip;
  const hosts: TwoHosts[] = [];
  try {
    for (const make of [ours, theirs]) hosts.push(await make());
    return await work(...(hosts as [TwoHosts, TwoHosts]));
  } finally {
    for (const one of hosts) await one.stop();
  }
}

async function pps(ours: TwoHosts, theirs: TwoHosts): Promise<Measured> {
  const rates = { ours: new Rates(), theirs: new Rates() };
  for (let n = 0; n < ROUNDS; n++) {
    measure(ours, rates.ours);
    measure(theirs, rates.theirs);
  }
  return {
    value: round(median(rates.ours.got)),
    unit: 'kpackets/s',
    ratio: medianRatio(rates.ours.got, rates.theirs.got),
    peer: 'Linux End.DX4, veth, one softirq core',
    note: `ours: ${rates.ours.note}; Linux: ${rates.theirs.note}; ${ROUNDS} rounds of ${SECONDS} s; ≥ 0.95 wanted`,
  };
}

async function tcp(ours: TwoHosts, theirs: TwoHosts): Promise<Measured> {
  const rates = { ours: [] as number[], theirs: [] as number[] };
  for (let n = 0; n < ROUNDS; n++) {
    rates.ours.push(await iperf(ours, 1));
    rates.theirs.push(await iperf(theirs, 1));
  }
  return {
    value: round(median(rates.ours)),
    unit: 'Gb/s',
    ratio: medianRatio(rates.ours, rates.theirs),
    peer: 'Linux encap and End.DX4, two routers, veth',
    note: `one stream, ${ROUNDS} rounds of ${SECONDS} s; ours ${span(rates.ours)}, Linux ${span(rates.theirs)}; ≥ 0.5 wanted`,
  };
}

export const dt4Tap: Bench = {
  name: 'dt4-tap',
  about: 'End.DT4 from a TAP to a TAP, 64-byte inner packets',
  run: () => onBoth(dt4BySmrouter, dx4ByLinux, pps),
};
export const dt4Tcp: Bench = {
  name: 'dt4-tcp',
  about: 'iperf3 through H.Encaps and End.DT4 in one smrouterd, on TAPs',
  run: () => onBoth(tunnelBySmrouter, tunnelByLinux, tcp),
};
