/**
 * `memory`: resident memory of smrouterd with default regions and two workers that have used every small slot they have, after
 * traffic of small frames both ways and a TCP stream.
 */
import { spawn } from 'node:child_process';
import { flood, useEverySlot } from '../support/flood.js';
import { type Host, Lan } from '../support/hosts.js';
import { skipReason } from '../support/require.js';
import { type Resident, residentOf } from '../support/resident.js';
import { type Bench, type Measured, round } from './bench.js';

const LIMIT_MIB = 300;
const SECONDS = 15;
const RATE = 50_000;
const PORT = '5301';
const SAMPLE_MS = 250;

/** A TCP stream from one host to another; its frames are superframes. */
async function stream(from: Host, to: Host): Promise<void> {
  const server = spawn('ip', ['netns', 'exec', to.netns.name, 'iperf3', '-s', '-1', '-p', PORT], { stdio: 'ignore' });
  const gone = new Promise((resolve) => server.once('exit', resolve));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const client = from.netns.spawn(['iperf3', '-c', to.v4, '-p', PORT, '-t', String(SECONDS), '-P', '4']);
  const code = await new Promise((resolve) => client.once('close', resolve));
  if (code !== 0) server.kill('SIGKILL');
  await gone;
  if (code !== 0) throw new Error(`iperf3 ended with ${code}`);
}

async function run(): Promise<Measured | string> {
  const skip = skipReason.tun();
  if (skip !== false) return skip;
  const lan = await Lan.start('mem', { hosts: 2, workers: 2 });
  try {
    const { pid } = lan.daemon;
    const [a, b] = lan.hosts as [Host, Host];
    const started = residentOf(pid);
    await useEverySlot(lan);
    let most: Resident = residentOf(pid);
    const sampling = setInterval(() => {
      const now = residentOf(pid);
      if (now.all > most.all) most = now;
    }, SAMPLE_MS);
    try {
      await Promise.all([flood(lan, a, b, SECONDS, RATE), flood(lan, b, a, SECONDS, RATE)]);
      await stream(a, b);
    } finally {
      clearInterval(sampling);
    }
    const note = `at most, two workers: anonymous ${round(most.anonymous)}, of files ${round(most.file)}; ${round(started.all)} after the start`;
    return { value: round(most.all), unit: 'MiB', limit: LIMIT_MIB, note };
  } finally {
    await lan.stop();
  }
}

export const memory: Bench = { name: 'memory', about: 'resident memory of smrouterd after traffic', run };
