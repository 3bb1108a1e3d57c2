/**
 * Ten million numbered frames each way between two hosts on attached interfaces, through AF_XDP and then through AF_PACKET, both ways at
 * once: none is lost, comes twice, damaged or out of order. The frames are those of `npm run load`; fewer are under way than the smallest
 * ring between holds, so the rate is at most what the machine can carry, and a lost one is a mistake.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Result } from '../load/report.js';
import { type Host, Lan } from '../support/hosts.js';
import { skipReason } from '../support/require.js';
import type { Outcome, SoakOptions } from './contract.js';

const LOAD = fileURLToPath(new URL('../load/main.js', import.meta.url));
const FRAMES = 10_000_000;
/** Frames a second each way, where the machine can carry as many. */
const RATE = 20_000;
/** Frames under way each way. An AF_PACKET ring holds 510, a veth's queue in front of XDP 256. */
const WINDOW = 120;
/** The slowest that is waited for: a tenth. */
const SLOWEST = 10;
const FLOWS = 64;
const MACS = 16;
const MISSED = 'smrouter_interface_missed_frames_total{';

/** Runs it. What is wrong in the end is in the outcome's lines. */
export async function attachedSoak({ seed, seconds, say }: SoakOptions): Promise<Outcome> {
  const skip = skipReason.root();
  if (skip !== false) return { ok: false, lines: [`cannot run here: ${skip}`] };
  const count = seconds === undefined ? FRAMES : Math.ceil((seconds / 2) * RATE);
  const lines: string[] = [];
  const wrong: string[] = [];
  for (const kind of ['xdp', 'packet'] as const) {
    const lan = await Lan.start('soak', { hosts: 2, workers: 2, kinds: [kind, kind] });
    try {
      const { directions, drops = [] } = await load(lan, count, seed);
      const missed = await missedFrames(lan);
      const lost = directions.reduce((sum, way) => sum + way.lost, 0);
      const outside = directions.reduce((sum, way) => sum + way.lost - way.lostBetween, 0);
      const dropped = drops.reduce((sum, { frames }) => sum + frames, 0);
      for (const { from, to, offered, received } of directions) {
        lines.push(`${kind}: ${offered.frames} frames from ${from} to ${to}, ${received.first} arrived`);
        if (offered.frames < count) wrong.push(`${kind}: only ${offered.frames} of ${count} frames could be sent`);
        for (const fault of ['duplicated', 'reordered', 'stale', 'corrupted'] as const)
          if (received[fault] > 0) wrong.push(`${kind}: ${received[fault]} frames ${fault}`);
      }
      const where = `${outside} at its ends, ${missed} no room in a ring, ${dropped} dropped with a reason`;
      lines.push(`${kind}: ${lost} lost, ${where}`);
      if (lost > 0) wrong.push(`${kind}: ${lost} frames lost`);
      if (lost > outside + missed + dropped) wrong.push(`${kind}: lost frames that nobody has counted`);
      say(`attached: ${kind}, ${count} frames each way, ${lost} lost; seed ${seed}`);
      await lan.daemon.books().catch((error: Error) => wrong.push(error.message));
    } finally {
      const status = await lan.stop();
      if (status !== 0) wrong.push(`smrouterd ended with ${status}`);
    }
  }
  return { ok: wrong.length === 0, lines: [...lines, ...wrong.map((what) => `WRONG: ${what}`)] };
}

/** `npm run load` between the two hosts, both ways. */
function load(lan: Lan, count: number, seed: number): Promise<Result> {
  const [a, b] = lan.hosts as [Host, Host];
  const ends = ['--from', `${a.tap}@${a.netns.name}`, '--to', `${b.tap}@${b.netns.name}`, '--bidirectional'];
  const frames = ['--size', 'imix', '--flows', String(FLOWS), '--macs', String(MACS), '--seed', String(seed)];
  const pace = [
    '--rate',
    String(RATE),
    '--window',
    String(WINDOW),
    '--count',
    String(count),
    '--seconds',
    String(Math.ceil((SLOWEST * count) / RATE) + 10),
  ];
  const args = [LOAD, ...ends, ...frames, ...pace, '--socket', lan.daemon.socket, '--json'];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, (_, stdout, stderr) => {
      // It ends with status 1 where one was lost; what it prints says how.
      if (stdout === '') reject(new Error(stderr));
      else resolve(JSON.parse(stdout) as Result);
    });
  });
}

/** Frames that the kernel had no room for. */
async function missedFrames(lan: Lan): Promise<number> {
  const samples = await lan.daemon.metrics();
  return [...samples].reduce((sum, [name, frames]) => sum + (name.startsWith(MISSED) ? frames : 0), 0);
}
