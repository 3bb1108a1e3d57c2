/**
 * `tap-pps`: 60-byte frames from an AF_PACKET sender on core 0, the forwarder on core 1, a host that drops them at once.
 * Beside it, in turn: the bare read-and-write loop (the floor), the kernel's bridge on veths, and Open vSwitch's userspace
 * datapath on TAPs.
 *
 * Offered is what the sender tried: frames that the link took, and frames that it refused because the forwarder had not
 * emptied its queue (`tx_dropped` of the link; the sender does not count them). Where many are refused the forwarder is
 * what bounds the rate; where none are, the sender is.
 */
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, medianRatio, round, span } from './bench.js';
import {
  floodOnce,
  type TwoHosts,
  throughBareLoop,
  throughLinuxBridge,
  throughOpenVswitch,
  throughSmrouter,
} from './two-hosts.js';

export const SECONDS = 3;
export const ROUNDS = 5;

/** Thousand frames a second, of every round. */
export class Rates {
  readonly got: number[] = [];
  readonly offered: number[] = [];
  readonly refused: number[] = [];

  /** What was offered, what became of it, and who was the bound. */
  get note(): string {
    const [offered, refused] = [median(this.offered), median(this.refused)];
    const lost = median(this.got.map((got, n) => (this.offered[n] as number) - (this.refused[n] as number) - got));
    const bound = refused + lost > offered / 100 ? 'the forwarder' : 'the sender';
    const fate = `${round(refused)} refused by the link, ${round(lost)} lost behind it`;
    return `${span(this.got)} of ${round(offered)} offered, ${fate}: ${bound} is the bound`;
  }
}

/** Floods once and adds to `rates`. */
export function measure(hosts: TwoHosts, rates: Rates): void {
  const { got, offered, refused } = floodOnce(hosts, SECONDS);
  rates.got.push(got);
  rates.offered.push(offered);
  rates.refused.push(refused);
}

async function run(): Promise<Measured | string> {
  const skip = skipReason.root() || skipReason.tun();
  if (skip) return skip;
  const all = {
    ours: await throughSmrouter(true),
    bridge: await throughLinuxBridge(),
    floor: await throughBareLoop(true),
    ovs: await throughOpenVswitch(true),
  };
  const rates = { ours: new Rates(), bridge: new Rates(), floor: new Rates(), ovs: new Rates() };
  try {
    for (let n = 0; n < ROUNDS; n++) {
      for (const name of ['ours', 'bridge', 'floor', 'ovs'] as const) {
        const hosts = all[name];
        if (hosts !== undefined) measure(hosts, rates[name]);
      }
    }
  } finally {
    for (const hosts of Object.values(all)) await hosts?.stop();
  }
  const { ours, bridge, floor, ovs } = rates;
  const value = round(median(ours.got));
  const unit = 'kframes/s';
  const beside = (peer: string, theirs: Rates): Measured => {
    return { value, unit, ratio: medianRatio(ours.got, theirs.got), peer, note: `${peer}: ${theirs.note}` };
  };
  const more: Measured[] = [];
  if (floor.got.length > 0) more.push(beside('one bare read and write a frame, in C', floor));
  if (ovs.got.length > 0) more.push(beside('Open vSwitch, userspace datapath, TAP', ovs));
  const absent = ovs.got.length > 0 ? '' : '; Open vSwitch is not installed';
  const result = beside('Linux bridge, veth, one softirq core', bridge);
  const note = `ours: ${ours.note}; ${result.note}; ${ROUNDS} rounds of ${SECONDS} s${absent}`;
  return { ...result, note, ...(floor.got.length > 0 && { limit: round(median(floor.got)) }), more };
}

export const tapPps: Bench = { name: 'tap-pps', about: '60-byte frames through a veb on TAPs', run };
