/**
 * The quick-start lab, as `npm start` runs it: it forwards, it says so, and it leaves nothing.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const LAB = fileURLToPath(new URL('../../../script/lab', import.meta.url));
const LIMIT_MS = 30_000;
const NOBODY = 65_534;
const TAPS = ['tap0', 'tap1', 'tap2'];

const running = new Set<ChildProcess>();
process.on('exit', () => {
  // The lab takes its own things down when it is asked to; there is no time left to wait for it here.
  for (const child of running) child.kill('SIGTERM');
});

class LabRun {
  out = '';
  readonly child: ChildProcess;
  private readonly ended: Promise<number>;

  constructor(args: readonly string[], as: { uid?: number; gid?: number } = {}) {
    this.child = spawn(LAB, args, { stdio: ['ignore', 'pipe', 'pipe'], ...as });
    running.add(this.child);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.out += chunk;
      });
    }
    const limit = setTimeout(() => this.child.kill('SIGTERM'), LIMIT_MS);
    this.ended = new Promise((resolve) => {
      // Not 'close': something the lab left behind may hold its standard error open.
      this.child.once('exit', (code) => {
        clearTimeout(limit);
        running.delete(this.child);
        resolve(code ?? -1);
      });
    });
  }

  says(pattern: RegExp): Promise<RegExpExecArray> {
    return until(`${pattern}`, LIMIT_MS, () => {
      if (this.child.exitCode !== null && !pattern.test(this.out)) throw new Error(`the lab ended: ${this.out}`);
      return pattern.exec(this.out);
    });
  }

  exited(): Promise<number> {
    return this.ended;
  }

  /** Frames a second that came in on an interface, at the last look. */
  lastRate(name: string): number {
    const rows = [...this.out.matchAll(new RegExp(`^${name} +(\\d+) `, 'gm'))];
    return Number(rows.at(-1)?.[1]);
  }
}

const namespaces = (): string[] =>
  existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.startsWith('smr-lab')) : [];
const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('smrouter-lab-'));
const taps = (): string[] => TAPS.filter((name) => existsSync(`/sys/class/net/${name}`));
/** Processes whose command line speaks of the lab's daemon or namespaces. */
function processes(mark: string): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(mark);
      } catch {
        return false;
      }
    });
}

const inUse = taps().length > 0 || namespaces().length > 0;
const noLab = skipReason.tun() || (inUse && 'another lab runs on this machine');

describe('the lab on TAPs', { skip: noLab }, () => {
  /** Nothing is left of a lab of process `pid`. */
  function nothingLeft(pid: number, foldersBefore: readonly string[]): void {
    assert.deepEqual(namespaces(), []);
    assert.deepEqual(taps(), []);
    assert.deepEqual(processes(`smr-lab${pid}`), []);
    assert.deepEqual(
      folders().filter((f) => !foldersBefore.includes(f)),
      [],
    );
    assert.deepEqual(processes('examples/quickstart.conf'), []);
  }

  it('--seconds 3: builds, forwards, shows rates, removes everything, status 0', async () => {
    const before = folders();
    const lab = new LabRun(['--seconds', '3']);
    const [, url] = await lab.says(/^metrics: (http:\S+)$/m);
    const text = await (await fetch(url)).text();
    for (const tap of TAPS) assert.match(text, new RegExp(`smrouter_interface_up\\{interface="${tap}"\\} 1`));
    assert.equal(await lab.exited(), 0, lab.out);
    for (const name of [...TAPS, 'veb0']) assert.ok(lab.lastRate(name) > 0, `no frames on ${name}:\n${lab.out}`);
    assert.match(lab.out, /Everything removed\.\n$/);
    nothingLeft(lab.child.pid as number, before);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`${signal} in the middle: status 0, nothing left`, async () => {
      const before = folders();
      const lab = new LabRun([]);
      await lab.says(/^tap2 /m);
      assert.equal(namespaces().length, 3);
      lab.child.kill(signal);
      assert.equal(await lab.exited(), 0, lab.out);
      nothingLeft(lab.child.pid as number, before);
    });
  }

  it('SIGINT while it is being built: nothing left', async () => {
    const before = folders();
    const lab = new LabRun([]);
    await until('it begins', LIMIT_MS, () => namespaces().length > 0);
    lab.child.kill('SIGINT');
    const status = await lab.exited();
    try {
      assert.equal(status, 0, lab.out);
      nothingLeft(lab.child.pid as number, before);
    } finally {
      for (const folder of folders().filter((f) => !before.includes(f))) {
        for (const pid of processes(folder)) process.kill(Number(pid), 'SIGTERM');
        rmSync(join(tmpdir(), folder), { recursive: true, force: true });
      }
      for (const name of namespaces()) execFileSync('ip', ['netns', 'del', name]);
    }
  });
});

describe('the lab in memory', () => {
  async function forwards(lab: LabRun): Promise<void> {
    assert.equal(await lab.exited(), 0, lab.out);
    for (const name of [...TAPS, 'veb0']) assert.ok(lab.lastRate(name) > 0, `no frames on ${name}:\n${lab.out}`);
    assert.match(lab.out, /Everything removed\.\n$/);
  }

  it('--memory: says why, forwards, status 0', async () => {
    const lab = new LabRun(['--memory', '--seconds', '2']);
    const [, url] = await lab.says(/^metrics: (http:\S+)$/m);
    assert.match(lab.out, /^No kernel TAPs: asked for with --memory\. The hosts are in memory\.$/m);
    assert.equal((await fetch(new URL('/readyz', url))).status, 200);
    await forwards(lab);
  });

  it('a time that is none: the reason, status 1, nothing built', async () => {
    const lab = new LabRun(['--memory', '--seconds', 'soon']);
    assert.equal(await lab.exited(), 1);
    await until('the reason', LIMIT_MS, () => lab.out === 'lab: --seconds soon: not a number of seconds\n');
  });

  it('without privilege: says why, and forwards in memory', { skip: skipReason.root() }, async () => {
    const lab = new LabRun(['--seconds', '2'], { uid: NOBODY, gid: NOBODY });
    await lab.says(/^No kernel TAPs: not root\. The hosts are in memory\.$/m);
    await forwards(lab);
  });

  it('SIGINT: status 0', async () => {
    const lab = new LabRun(['--memory']);
    await lab.says(/^tap2 /m);
    lab.child.kill('SIGINT');
    assert.equal(await lab.exited(), 0, lab.out);
  });
});
