/**
 * smrouter's interfaces in the list of a real tshark, and captured by it, here and through ssh (bin/smrouter-extcap).
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Lan } from '../support/hosts.js';
import { BIN, type Ended, temporaryFolder, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const LIMIT_MS = 20_000;

describe('extcap', { skip: skipReason.tun() || skipReason.program('tshark') }, () => {
  let lan: Lan;
  let env: NodeJS.ProcessEnv;
  const home = temporaryFolder();
  const running = new Set<ChildProcess>();

  /** Runs tshark to its end. */
  function tshark(...args: string[]): Promise<Ended> {
    return new Promise((resolve) => {
      execFile('tshark', args, { env, timeout: LIMIT_MS, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
      });
    });
  }

  /** Has tshark capture `count` packets while one host pings another; resolves to the lines it printed. */
  async function captured(count: number, ...args: string[]): Promise<string[]> {
    const [a, b] = lan.hosts;
    const child = spawn(
      'tshark',
      [...args, '-c', String(count), '-l', '-T', 'fields', '-e', 'ip.src', '-e', 'icmp.type'],
      { env },
    );
    running.add(child);
    let [out, err, ended] = ['', '', false];
    child.stdout.on('data', (text: Buffer) => (out += text));
    child.stderr.on('data', (text: Buffer) => (err += text));
    child.once('close', () => {
      ended = true;
      running.delete(child);
    });
    await until('the packets', LIMIT_MS, () => {
      if (!ended) lan.ping(a, b.v4, '-c', '2', '-i', '0.05');
      return ended;
    });
    assert.equal(child.exitCode, 0, err);
    return out.trimEnd().split('\n');
  }

  before(async () => {
    lan = await Lan.start('extcap', { hosts: 2 });
    const folder = join(home, '.config/wireshark/extcap');
    mkdirSync(folder, { recursive: true });
    symlinkSync(join(BIN, 'smrouter-extcap'), join(folder, 'smrouter-extcap'));
    // An ssh that has the other machine here: its last word goes to a shell, as sshd gives it to one.
    const bin = join(home, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'ssh'), '#!/bin/sh\nfor command; do :; done\nexec sh -c "$command"\n');
    chmodSync(join(bin, 'ssh'), 0o755);
    env = { ...process.env, HOME: home, SMROUTER_SOCKET: lan.daemon.socket, PATH: `${bin}:${process.env.PATH}` };
    delete env.XDG_CONFIG_HOME;
  });
  after(async () => {
    for (const child of running) child.kill('SIGKILL');
    await lan?.stop();
  });

  it('tshark -D lists them', async () => {
    const { stdout } = await tshark('-D');
    for (const name of ['veb0', ...lan.hosts.map((host) => host.tap), 'ssh']) {
      assert.match(stdout, new RegExp(`^\\d+\\. smrouter:${name} `, 'm'));
    }
  });

  it('tshark captures one of them', async () => {
    const [a] = lan.hosts;
    const lines = await captured(6, '-i', `smrouter:${a.tap}`);
    assert.equal(lines.length, 6);
    assert.ok(lines.some((line) => line === `${a.v4}\t8`));
  });

  it('with a capture filter', async () => {
    const [, b] = lan.hosts;
    const lines = await captured(3, '-i', 'smrouter:veb0', '-f', `icmp[icmptype] = icmp-echoreply`);
    assert.deepEqual(lines, new Array(3).fill(`${b.v4}\t0`));
  });

  it('over ssh', async () => {
    const [a] = lan.hosts;
    const option = (name: string, value: string): string[] => ['-o', `extcap.smrouter_ssh.remote${name}:${value}`];
    const smrctl = `${process.execPath} ${join(BIN, 'smrctl')}`;
    const settings = [...option('host', 'router'), ...option('interface', a.tap), ...option('smrctl', smrctl)];
    const lines = await captured(4, '-i', 'smrouter:ssh', ...settings, '-f', 'icmp and not (src host 10.9.9.9)');
    assert.equal(lines.length, 4);
  });

  it('an interface that has gone is an error that says so', async () => {
    const { status, stderr } = await tshark('-i', 'smrouter:tap987654', '-c', '1');
    assert.notEqual(status, 0);
    assert.match(stderr, /tap987654/);
  });

  it('nothing is captured any more when tshark has ended', async () => {
    await until('no captures', LIMIT_MS, async () => {
      const rows = await lan.daemon.json<unknown[]>('show', 'captures');
      return rows.length === 0;
    });
  });
});
