/**
 * smrouterd and smrctl as programs that do not come far: options, messages, exit statuses.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BIN, runProgram, temporaryFolder, uniqueTap, until } from '../support/programs.js';

const folder = temporaryFolder();
const isLink = (name: string): boolean => existsSync(`/sys/class/net/${name}`);

/** A configuration file of these lines. */
function configFile(...lines: string[]): string {
  const file = join(folder, 'router.conf');
  writeFileSync(file, lines.join('\n'));
  return file;
}

/** Runs smrouterd on a configuration that is expected not to start. */
function refused(file: string, ...args: string[]) {
  return runProgram('smrouterd', ['-f', file, '-s', join(folder, 'refused.sock'), '-m', '127.0.0.1:0', ...args]);
}

describe('smrouterd that does not start', () => {
  it('a wrong configuration: FILE:LINE: and the reason, status 1, nothing made', async () => {
    const tap = uniqueTap();
    for (const [line, why] of [
      [`ifconfig ${tap} mtu 5`, 'mtu 5 is not between 68 and 65535'],
      ['ifconfig veb0 create add nothing0', 'nothing0: no such interface'],
      ['frobnicate', 'frobnicate: not a setting'],
      ['ifconfig veb0', 'ifconfig veb0: not a setting'],
      ['ifconfig veb0 create flush', 'ifconfig veb0 create flush: acts on what was learned, it is not a setting'],
      ["ifconfig veb0 create description 'open", "no closing '"],
    ]) {
      const file = configFile('# a comment', `ifconfig ${tap} create up`, '', line);
      const { status, stdout, stderr } = await refused(file);
      assert.deepEqual([status, stdout, stderr], [1, '', `${file}:4: ${why}\n`]);
      assert.ok(!isLink(tap));
    }
    assert.ok(!existsSync(join(folder, 'refused.sock')));
  });

  it('-n only reads: status 0 and nothing made, or 1 and the reason', async () => {
    const tap = uniqueTap();
    const good = await refused(configFile(`ifconfig ${tap} create up`), '-n');
    assert.deepEqual(good, { status: 0, stdout: '', stderr: '' });
    assert.ok(!isLink(tap));
    const file = configFile('ifconfig');
    assert.deepEqual(await refused(file, '-n'), {
      status: 1,
      stdout: '',
      stderr: `${file}:1: ifconfig: not a setting\n`,
    });
  });

  it('a file that is not there', async () => {
    const file = join(folder, 'absent.conf');
    const { status, stderr } = await refused(file);
    assert.equal(status, 1);
    assert.match(stderr, /absent\.conf: ENOENT/);
  });

  it('a control socket that cannot be: the reason, and what else to do', async () => {
    const socket = join(folder, 'nowhere', 'control.sock');
    const { status, stderr } = await refused(configFile(''), '-s', socket);
    assert.equal(status, 1);
    assert.equal(
      stderr,
      `smrouterd: ${socket}: EACCES; its folder is not there or may not be written to, -s names another\n`,
    );
  });

  it('options that are wrong: the reason and the usage', async () => {
    const file = configFile('');
    for (const [args, why] of [
      [['-x'], /-x/],
      [['-w', '0'], /^smrouterd: -w 0: not between 1 and 16$/m],
      [['-w', '17'], /^smrouterd: -w 17: not between 1 and 16$/m],
      [['-w', 'two'], /^smrouterd: -w two: /m],
      [['-m', '9476'], /^smrouterd: -m 9476: not HOST:PORT$/m],
      [['-m', 'localhost:70000'], /^smrouterd: -m localhost:70000: not HOST:PORT$/m],
      [['-m', '127.0.0.1:'], /^smrouterd: -m 127\.0\.0\.1:: not HOST:PORT$/m],
      [['-s', `/tmp/${'x'.repeat(103)}`], /^smrouterd: -s \/tmp\/x+: longer than 107 bytes$/m],
      [['stray'], /stray/],
    ] as const) {
      const { status, stderr } = await refused(file, ...args);
      assert.equal(status, 1, args.join(' '));
      assert.match(stderr, why);
      assert.match(stderr, /^usage: smrouterd /m);
    }
  });
});

describe('smrouterd whose log cannot be written', () => {
  it('a full disk: it forwards, answers and ends as ever', async () => {
    const socket = join(folder, 'full.sock');
    const full = openSync('/dev/full', 'w');
    const words = ['-f', configFile('ifconfig mem0 create up'), '-s', socket, '-m', '127.0.0.1:0', '-w', '1'];
    const child = spawn(process.execPath, [join(BIN, 'smrouterd'), ...words], { stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    const ended = once(child, 'exit');
    try {
      const asks = (): ReturnType<typeof runProgram> => runProgram('smrctl', ['-s', socket, 'show', 'status']);
      await until('it forwards', 30_000, async () => (await asks()).stdout === 'forwarding\n');
    } finally {
      child.kill('SIGTERM');
    }
    assert.deepEqual(await ended, [0, null]);
  });

  it('a pipe that nobody reads: it forwards, answers and ends as ever, and says all once somebody does', async () => {
    const [socket, pipe] = [join(folder, 'unread.sock'), join(folder, 'unread')];
    execFileSync('mkfifo', [pipe]);
    const ends = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    // The daemon's own end waits, as a pipe of a shell does.
    const full = openSync(pipe, 'r+');
    const filled = writeSync(ends, Buffer.alloc(1 << 20, '\n'));
    const words = ['-f', configFile('ifconfig mem0 create up'), '-s', socket, '-m', '127.0.0.1:0', '-w', '1'];
    const child = spawn(process.execPath, [join(BIN, 'smrouterd'), ...words], { stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    const ended = once(child, 'exit');
    let said = '';
    try {
      const asks = (): ReturnType<typeof runProgram> => runProgram('smrctl', ['-s', socket, 'show', 'status']);
      await until('it forwards', 30_000, async () => (await asks()).stdout === 'forwarding\n');
      for (let left = filled; left > 0; ) left -= readSync(ends, Buffer.alloc(left));
      await until('its log', 30_000, () => {
        const some = Buffer.alloc(1 << 16);
        try {
          said += some.subarray(0, readSync(ends, some)).toString();
        } catch {
          // Nothing has come yet.
        }
        return said.includes('"event":"ready"');
      });
      writeSync(ends, Buffer.alloc(1 << 20, '\n'));
    } finally {
      child.kill('SIGTERM');
    }
    assert.deepEqual(await ended, [0, null]);
    closeSync(ends);
  });
});

describe('smrctl alone', () => {
  it('without a daemon: status 1 and the errno', async () => {
    const socket = join(folder, 'nobody.sock');
    const { status, stdout, stderr } = await runProgram('smrctl', ['-s', socket, 'show', 'running']);
    assert.deepEqual([status, stdout, stderr], [1, '', `smrctl: ${socket}: no smrouterd answers there (ENOENT)\n`]);
    const named = await runProgram('smrctl', ['ifconfig'], { SMROUTER_SOCKET: socket });
    assert.equal(named.stderr, stderr);
    const top = await runProgram('smrctl', ['-s', socket, 'top', '-n', '1']);
    assert.deepEqual([top.status, top.stderr], [1, stderr]);
    const wrong = await runProgram('smrctl', ['-s', socket, 'top', '-n', '0']);
    assert.match(wrong.stderr, /^smrctl: top -n 0: -n 0: top takes .* \(EINVAL\)\n$/);
  });

  it('without words, or with options it does not know: the usage', async () => {
    for (const args of [[], ['-z', 'show'], ['-s']]) {
      const { status, stderr } = await runProgram('smrctl', args);
      assert.equal(status, 1);
      assert.match(stderr, /^smrctl: .+\nusage: smrctl /);
    }
  });
});
