/**
 * `erspan-collect`: mirrored frames of 512 bytes that come in ERSPAN by a TAP, written to a file from an erspan interface, beside
 * `tcpdump -w proto 47` on the kernel's end of the TAP behind a bridge. Processor time for each packet written: the daemon's, less what it
 * uses at the same rate without a capture; and tcpdump's own (see capture-file.ts).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { skipReason } from '../support/require.js';
import { type Bench, type Measured, median, round, span } from './bench.js';
import { byTcpdump, captured, type Kept, keepWriter, keptOf, lost, send, since, threads } from './captured.js';
import { type SmrouterHosts, throughSmrouter } from './two-hosts.js';

const SECONDS = 2;
const ROUNDS = 5;
const RATE = 100_000;
/** What is left in the rings is in the file then. */
const SETTLE_MS = 300;
/** Outer frame; 50 bytes of it are headers. */
const LENGTH = 562;

/** Words of the flood: mirrored frames between two addresses. */
const MIRRORED = ['1', '192.0.2.2', '192.0.2.1', 'erspan'];

interface Counted {
  readonly lladdr: string;
  readonly counters: { readonly ipackets: number };
}

function describe(hosts: SmrouterHosts, name: string): Counted {
  const [one] = JSON.parse(hosts.smrctl('--json', 'ifconfig', name)) as [Counted];
  return one;
}

/** The daemon's nanoseconds a collected packet. */
async function collected(hosts: SmrouterHosts, rate: number): Promise<number> {
  const [cpu, before] = [threads(hosts.pid), describe(hosts, 'erspan0').counters.ipackets];
  await send(hosts, describe(hosts, 'tap10').lladdr, SECONDS, rate, LENGTH, MIRRORED);
  await sleep(SETTLE_MS);
  return (threads(hosts.pid) - cpu) / (describe(hosts, 'erspan0').counters.ipackets - before);
}

async function intoFile(hosts: SmrouterHosts, path: string, rate: number): Promise<{ cost: number; kept: Kept }> {
  hosts.smrctl('capture', 'erspan0', 'file', path, 'direction', 'in', 'fsync', 'never');
  const before = captured(hosts);
  const cost = await collected(hosts, rate);
  const kept = since(before, captured(hosts));
  hosts.smrctl('capture', 'erspan0', '-file', path);
  rmSync(path);
  return { cost, kept };
}

/** tcpdump on what is bridged to where it listens. */
function tcpdump(hosts: SmrouterHosts, path: string, rate: number): Promise<{ cost: number; kept: Kept }> {
  const flood = (): Promise<number> => send(hosts, hosts.macB, SECONDS, rate, LENGTH, MIRRORED);
  return byTcpdump(hosts, path, LENGTH, ['proto', '47'], flood);
}

/** Frames for tap10 are for its own stack, or for the bridge. */
function toStack(hosts: SmrouterHosts): void {
  hosts.smrctl('ifconfig', 'veb0', 'del', 'tap10');
  hosts.smrctl('ifconfig', 'tap10', 'inet', '192.0.2.1/24');
}

function toBridge(hosts: SmrouterHosts): void {
  hosts.smrctl('ifconfig', 'tap10', 'inet', '192.0.2.1', 'delete');
  hosts.smrctl('ifconfig', 'veb0', 'add', 'tap10');
}

async function run(): Promise<Measured | string> {
  const skip = skipReason.root() || skipReason.tun() || skipReason.program('tcpdump');
  if (skip) return skip;
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bench-'));
  const hosts = await throughSmrouter(true);
  const [ours, theirs, bare, lossy]: [number[], number[], number[], number[]] = [[], [], [], []];
  try {
    hosts.smrctl('ifconfig', 'erspan0', 'create', 'tunneladdr', '192.0.2.1', 'up');
    const [path, peerPath] = [join(folder, 'ours.pcap'), join(folder, 'theirs.pcap')];
    keepWriter(hosts, folder);
    // Once through, so that all code is compiled.
    toStack(hosts);
    await intoFile(hosts, path, RATE);
    toBridge(hosts);
    for (let n = 0; n < ROUNDS; n++) {
      theirs.push((await tcpdump(hosts, peerPath, RATE)).cost);
      toStack(hosts);
      const off = await collected(hosts, RATE);
      const { cost, kept } = await intoFile(hosts, path, RATE);
      bare.push(off);
      ours.push(cost - off);
      lossy.push(lost(kept));
      toBridge(hosts);
    }
    const peer = await tcpdump(hosts, peerPath, 0);
    toStack(hosts);
    const full = await intoFile(hosts, path, 0);
    return {
      value: round(median(ours)),
      unit: 'ns/packet',
      // Not of each round: what a capture costs is the difference of two rounds, each of twenty times as much.
      ratio: round(median(theirs) / median(ours)),
      peer: 'tcpdump -w proto 47 on a kernel TAP',
      note:
        `${LENGTH - 50} B at ${RATE}/s; ours ${span(ours)} beyond ${span(bare)} without a capture, tcpdump ${span(theirs)}; ` +
        `lost ${round(median(lossy))} %; ${ROUNDS} rounds of ${SECONDS} s; as fast as it goes: ` +
        `${keptOf(full.kept, SECONDS)}; tcpdump ${keptOf(peer.kept, SECONDS)}`,
    };
  } finally {
    await hosts.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const erspanCollect: Bench = {
  name: 'erspan-collect',
  about: 'ERSPAN from a TAP to a file, beside tcpdump',
  run,
};
