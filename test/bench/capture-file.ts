/**
 * `capture-file`: frames written to a file, 60 and 1514 bytes each, beside tcpdump doing the same where they arrive: on the kernel's end of the
 * TAP behind the bridge.
 *
 * A paced sender on core 0 sends into a TAP of smrouterd, which is on core 1 and bridges to a host that drops the frames. In turn: nobody
 * captures; `capture tap10 file`; tcpdump -w. Before that, once, a capture that does not count, in which code is compiled. The figure is processor time for each packet written: the daemon's, less what it uses at
 * the same rate without a capture; and tcpdump's own. What the kernel does to show tcpdump the packet is on the account of who sends it
 * and not counted, so tcpdump is flattered. Then the sender goes as fast as it can, and what either kept is told.
 *
 * Files are on the file system of $TMPDIR, or /tmp, and are removed at once.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, round, span } from './bench.js';
import { byTcpdump, captured, type Kept, keepWriter, keptOf, lost, send, since, threads } from './captured.js';
import { type SmrouterHosts, throughSmrouter } from './two-hosts.js';

const SECONDS = 1.5;
const FULL_SECONDS = 3;
/** What is left in the rings is in the file then. */
const SETTLE_MS = 300;
const ROUNDS = 9;
const FULL_ROUNDS = 3;
/** Frames a second at which processor time is compared: what the forwarder takes without losses on a shared machine. */
const LOADS = [
  { length: 60, rate: 150_000 },
  { length: 1514, rate: 100_000 },
];
const PORT = 'tap10';

/** Frames that smrouterd has received on the port. */
function received(hosts: SmrouterHosts): number {
  return Number(hosts.b.exec(['cat', `/sys/class/net/${hosts.linkB}/statistics/rx_packets`]));
}

/** The daemon's nanoseconds a frame without a capture. */
async function without(hosts: SmrouterHosts, length: number, rate: number): Promise<number> {
  const [cpu, frames] = [threads(hosts.pid), received(hosts)];
  await send(hosts, hosts.macB, SECONDS, rate, length);
  await sleep(SETTLE_MS);
  return (threads(hosts.pid) - cpu) / (received(hosts) - frames);
}

/** The same with a capture, and what that one lost. */
async function withCapture(
  hosts: SmrouterHosts,
  path: string,
  length: number,
  rate: number,
  seconds = SECONDS,
): Promise<{ cost: number; kept: Kept }> {
  hosts.smrctl('capture', PORT, 'file', path, 'direction', 'in', 'fsync', 'never');
  const [cpu, frames, before] = [threads(hosts.pid), received(hosts), captured(hosts)];
  await send(hosts, hosts.macB, seconds, rate, length);
  await sleep(SETTLE_MS);
  const cost = (threads(hosts.pid) - cpu) / (received(hosts) - frames);
  const kept = since(before, captured(hosts));
  hosts.smrctl('capture', PORT, '-file', path);
  rmSync(path);
  return { cost, kept };
}

async function load(hosts: SmrouterHosts, folder: string, length: number, rate: number): Promise<Measured> {
  const [path, peerPath] = [join(folder, 'ours.pcap'), join(folder, 'theirs.pcap')];
  const tcpdump = (at: number, seconds = SECONDS): Promise<{ cost: number; kept: Kept }> =>
    byTcpdump(hosts, peerPath, length, [], () => send(hosts, hosts.macB, seconds, at, length));
  await withCapture(hosts, path, length, rate);
  const [ours, theirs, bare, lossy, theirLossy]: number[][] = [[], [], [], [], []] as number[][];
  const full: { ours: Kept; theirs: Kept }[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    const off = await without(hosts, length, rate);
    const { cost, kept } = await withCapture(hosts, path, length, rate);
    const peer = await tcpdump(rate);
    bare.push(off);
    ours.push(cost - off);
    theirs.push(peer.cost);
    lossy.push(lost(kept));
    theirLossy.push(lost(peer.kept));
  }
  for (let n = 0; n < FULL_ROUNDS; n++) {
    const ours = (await withCapture(hosts, path, length, 0, FULL_SECONDS)).kept;
    full.push({ ours, theirs: (await tcpdump(0, FULL_SECONDS)).kept });
  }
  full.sort((a, b) => lost(a.ours) - lost(b.ours));
  const middle = full[FULL_ROUNDS >> 1] as { ours: Kept; theirs: Kept };
  const percent = (parts: number[]): string => `${round(median(parts))} %`;
  return {
    value: round(median(ours)),
    unit: 'ns/packet',
    // Not of each round: what a capture costs is the difference of two rounds, each of twenty times as much.
    ratio: round(median(theirs) / median(ours)),
    peer: 'tcpdump -w on a kernel TAP',
    note:
      `${length} B at ${rate}/s; ours ${span(ours)} beyond ${span(bare)} without a capture, tcpdump ${span(theirs)}; ` +
      `lost ${percent(lossy)}, tcpdump ${percent(theirLossy)}; ${ROUNDS} rounds of ${SECONDS} s; as fast as it goes: ` +
      `${keptOf(middle.ours, FULL_SECONDS)}; tcpdump ${keptOf(middle.theirs, FULL_SECONDS)}`,
  };
}

async function run(): Promise<Measured | string> {
  const skip = skipReason.root() || skipReason.tun() || skipReason.program('tcpdump');
  if (skip) return skip;
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
  const hosts = await throughSmrouter(true);
  try {
    keepWriter(hosts, folder);
    const results: Measured[] = [];
    for (const { length, rate } of LOADS) results.push(await load(hosts, folder, length, rate));
    const [first, ...more] = results as [Measured, ...Measured[]];
    return { ...first, more };
  } finally {
    await hosts.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const captureFile: Bench = { name: 'capture-file', about: 'captured frames to a file, beside tcpdump', run };
