/**
 * `npm run load` as an operator runs it: through a bridge that loses nothing, through one that does and says why, and over a wire
 * that does everything wrong.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Lab, startLab } from '../load/lab.js';
import { type Place, placeName } from '../load/link-process.js';
import { HELP } from '../load/options.js';
import type { Result } from '../load/report.js';
import { Lan } from '../support/hosts.js';
import { Netns } from '../support/netns.js';
import { type Ended, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const BAD_LINK = fileURLToPath(new URL('../support/bad-link.js', import.meta.url));
const LOAD_MS = 60_000;
/** Frames each way between attached interfaces. */
const FRAMES = 4000;

/** Runs what the script `load` of package.json does, with these arguments. */
function load(...args: string[]): Promise<Ended> {
  const { scripts } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as { scripts: { load: string } };
  const [program = '', ...first] = scripts.load.split(' ');
  assert.equal(program, 'node');
  const options = { cwd: ROOT, timeout: LOAD_MS, killSignal: 'SIGTERM' } as const;
  return new Promise((resolve) => {
    execFile(process.execPath, [...first, ...args], options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ status, stdout, stderr });
    });
  });
}

/** The one object it prints, if its exit status is as expected. */
async function loaded(status: number, ...args: string[]): Promise<Result> {
  const ended = await load(...args, '--json');
  assert.deepEqual([ended.status, ended.stderr], [status, ''], ended.stdout);
  return JSON.parse(ended.stdout) as Result;
}

const ends = (from: Place, to: Place): string[] => ['--from', placeName(from), '--to', placeName(to)];

describe('npm run load, before it does anything', () => {
  it('prints its help, status 0', async () => {
    assert.deepEqual(await load('--help'), { status: 0, stdout: HELP, stderr: '' });
  });

  it('says what is wrong with its arguments, status 2', async () => {
    const { status, stdout, stderr } = await load('--lab', '--size', '59');
    assert.deepEqual([status, stdout, stderr], [2, '', 'load: --size 59: 60 to 1514, or imix; --help says more\n']);
  });

  it('says that a namespace or a link is not there, status 2', { skip: skipReason.root() }, async () => {
    const netns = await load('--from', 'lo@smr-absent', '--to', 'lo');
    assert.deepEqual([netns.status, netns.stdout], [2, '']);
    assert.match(netns.stderr, /netns smr-absent: ENOENT/);
    const link = await load('--from', 'smr-absent', '--to', 'lo');
    assert.deepEqual([link.status, link.stdout], [2, '']);
    assert.match(link.stderr, /link smr-absent: ENODEV/);
  });
});

describe('npm run load through smrouter', { skip: skipReason.tun() }, () => {
  it('in a lab of its own: both directions, many sizes, addresses and flows, nothing lost', async () => {
    const what = ['--size', 'imix', '--macs', '20', '--flows', '50', '--bidirectional', '--seed', '5'];
    const result = await loaded(0, '--lab', '--rate', '3000', '--seconds', '1', ...what);
    assert.deepEqual([result.verdict, result.faults, result.seed, result.drops], ['pass', [], 5, []]);
    assert.equal(result.directions.length, 2);
    for (const { offered, received, lost, rate } of result.directions) {
      assert.equal(rate, 3000);
      assert.ok(offered.frames > 0 && offered.frames <= 3000, `${offered.frames}`);
      // 4294 bytes are twelve frames of the mix.
      assert.ok(Math.abs(offered.bytes - (offered.frames * 4294) / 12) < 4294);
      assert.deepEqual([received.first, received.frames, lost], [offered.frames, offered.frames, 0]);
      assert.equal(
        received.perSecond.reduce((a, b) => a + b, 0),
        received.frames,
      );
      const { p50, p99, max } = received.latency;
      assert.ok(p50 > 0 && p50 <= p99 && p99 <= max);
    }
  });

  it('for people, with a count and the longest frames', async () => {
    const { status, stdout } = await load('--lab', '--rate', '0', '--count', '2000', '--size', '1514');
    assert.equal(status, 0, stdout);
    assert.match(stdout, /sent +2000 frames in/);
    assert.match(stdout, /the router dropped nothing\nseed \d+\nPASS\n$/);
  });
});

describe('npm run load through a smrouter that drops', { skip: skipReason.tun() }, () => {
  let lab: Lab;

  before(async () => {
    lab = await startLab(1, 100);
  });
  after(async () => {
    await lab.daemon.books();
    await lab.stop();
  });

  it('a port that goes down midway: every lost frame has a reason, status 1', async () => {
    const frames = async (): Promise<number> =>
      (await lab.daemon.json<{ frames: number }[]>('show', 'workers')).reduce((sum, row) => sum + row.frames, 0);
    const socket = ['--socket', lab.daemon.socket];
    const running = loaded(1, ...ends(lab.from, lab.to), ...socket, '--rate', '2000', '--count', '3000');
    await until('500 frames forwarded', LOAD_MS, async () => (await frames()) > 500);
    await lab.daemon.run('ifconfig', lab.to.link, 'down');
    const { verdict, faults, directions, drops = [] } = await running;
    await lab.daemon.run('ifconfig', lab.to.link, 'up');
    const [{ offered, received, lost, lostBetween }] = directions as [Result['directions'][0]];
    assert.equal(verdict, 'fail');
    assert.match(faults.join(), /^\S+ → \S+: lost \d+ of 3000 frames/);
    assert.equal(offered.frames, 3000);
    assert.ok(lost > 0 && received.first > 0);
    assert.deepEqual([lost, lostBetween], [3000 - received.first, lost]);
    assert.equal(
      drops.reduce((sum, row) => sum + row.frames, 0),
      lost,
    );
    assert.ok(drops.some(({ reason }) => reason === 'notrunning'));
  });

  it('an address that is not flooded: all is lost for that reason; loss that is allowed is no failure', async () => {
    await lab.daemon.run('ifconfig', 'veb0', '-discover', lab.to.link);
    const what = ['--destination', '02:00:00:00:00:fe', '--count', '300', '--allow-loss', '100'];
    const result = await loaded(0, ...ends(lab.from, lab.to), '--socket', lab.daemon.socket, ...what);
    assert.equal(result.directions[0]?.lost, 300);
    assert.deepEqual(
      result.drops?.map(({ reason, frames }) => [reason, frames]),
      [['flood-nodiscover', 300]],
    );
  });
});

describe('npm run load through attached interfaces', { skip: skipReason.root() }, () => {
  for (const kinds of [
    ['packet', 'packet'],
    ['xdp', 'xdp'],
    ['xdp', 'packet'],
  ] as const) {
    it(`attached as ${kinds.join(' and ')}: both directions, nothing lost, doubled, changed or out of order`, async () => {
      const lan = await Lan.start('load', { hosts: 2, kinds, workers: 2, lines: ['ifconfig veb0 maxaddr 200'] });
      try {
        const [from, to] = lan.hosts.map(({ netns, tap }) => ({ link: tap, netns: netns.name })) as [Place, Place];
        const what = ['--size', 'imix', '--macs', '20', '--flows', '50', '--bidirectional', '--seed', '7'];
        // As fast as it goes with fewer under way than the smallest ring holds: nothing can be lost for want of room or of time.
        const pace = ['--rate', '0', '--window', '100', '--count', String(FRAMES)];
        const result = await loaded(0, ...ends(from, to), ...pace, ...what);
        assert.deepEqual([result.verdict, result.faults], ['pass', []]);
        for (const { offered, received } of result.directions)
          assert.deepEqual([offered.frames, received.first], [FRAMES, FRAMES]);
        const metrics = await lan.daemon.metrics();
        for (const { tap } of lan.hosts)
          assert.equal(metrics.get(`smrouter_interface_missed_frames_total{interface="${tap}"}`), 0);
        await lan.daemon.books();
      } finally {
        assert.equal(await lan.stop(), 0);
      }
    });
  }
});

describe('npm run load over a bad wire', { skip: skipReason.root() }, () => {
  const hosts: Netns[] = [];
  after(() => {
    for (const netns of hosts) netns.destroy();
  });

  it('loss, duplication, corruption and reordering are counted to the frame', async () => {
    for (const prefix of ['wa', 'wm', 'wb']) hosts.push(Netns.create(prefix));
    const [a, middle, b] = hosts as [Netns, Netns, Netns];
    for (const [netns, link] of [
      [a, 'm0'],
      [b, 'm1'],
    ] as const) {
      middle.exec(['ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns.name]);
      middle.exec(['ip', 'link', 'set', link, 'up']);
      netns.exec(['ip', 'link', 'set', 'eth0', 'up']);
    }
    const wire = middle.spawn([process.execPath, BAD_LINK, 'm0', 'm1']);
    await new Promise((resolve) => wire.stdout?.once('data', resolve));
    const places = ends({ link: 'eth0', netns: a.name }, { link: 'eth0', netns: `/run/netns/${b.name}` });
    const { faults, directions } = await loaded(1, ...places, '--rate', '2000', '--count', '1000', '--size', 'imix');
    const [{ received, lost }] = directions as [Result['directions'][0]];
    const { first, duplicated, reordered, corrupted, stale, foreign, dropped } = received;
    assert.deepEqual(
      { lost, first, duplicated, reordered, corrupted, stale, foreign, dropped },
      // What was changed did not arrive as it was sent: it is lost too.
      { lost: 200, first: 800, duplicated: 100, reordered: 100, corrupted: 100, stale: 0, foreign: 0, dropped: 0 },
    );
    assert.equal(faults.length, 4);
  });
});
