/**
 * A running smrouterd: its socket, what it refuses and with which errno, how it ends.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { showSubjects } from '../../src/main/cli/show.js';
import { Daemon } from '../support/daemon.js';
import { BIN, runProgram, temporaryFolder, uniqueTap, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const folder = temporaryFolder();
const isLink = (name: string): boolean => existsSync(`/sys/class/net/${name}`);

/** A configuration file of these lines. */
function configFile(...lines: string[]): string {
  const file = join(folder, 'router.conf');
  writeFileSync(file, lines.join('\n'));
  return file;
}

describe('a daemon on memory ports', () => {
  let daemon: Daemon;

  before(async () => {
    daemon = await Daemon.start({
      config: [
        'ifconfig mem0 create up',
        'ifconfig mem1 create up',
        'ifconfig veb0 create add mem0 up',
        'ifconfig veb1 create',
      ],
    });
  });
  after(() => daemon?.stop());

  /** The command line of smrctl with these words. */
  const smrctl = (words: string): string[] => [
    process.execPath,
    join(BIN, 'smrctl'),
    '-s',
    daemon.socket,
    ...words.split(' '),
  ];
  const TEXT = { encoding: 'utf8' } as const;

  it('says what it is in its ready line', () => {
    const ready = daemon.find('ready');
    assert.equal(ready?.socket, daemon.socket);
    assert.match(String(ready?.metrics), /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    assert.equal(ready?.level, 30);
  });

  it('its socket is of mode 0600', () => {
    const { mode } = statSync(daemon.socket);
    assert.equal(mode & 0o777, 0o600);
  });

  it('a second one on the same socket ends, and the first goes on', async () => {
    const second = await runProgram('smrouterd', [
      '-f',
      configFile('ifconfig mem7 create'),
      '-s',
      daemon.socket,
      '-m',
      '127.0.0.1:0',
    ]);
    assert.equal(second.status, 1);
    assert.match(second.stderr, /^smrouterd: .*another smrouterd answers there$/m);
    assert.equal((await daemon.ctl('show', 'running')).status, 0);
    assert.ok(existsSync(daemon.socket));
  });

  it('a metrics port that is taken: the reason, status 1, no socket left', async () => {
    const socket = join(folder, 'port.sock');
    const port = new URL(daemon.origin).port;
    const second = await runProgram('smrouterd', ['-f', configFile(''), '-s', socket, '-m', `127.0.0.1:${port}`]);
    assert.equal(second.status, 1);
    assert.match(second.stderr, /^smrouterd: 127\.0\.0\.1:\d+: EADDRINUSE; another program listens there/m);
    assert.doesNotMatch(second.stdout, /refused/);
    assert.ok(!existsSync(socket));
  });

  it('refuses with a message and an errno, and nothing has changed', async () => {
    const running = await daemon.run('show', 'running');
    for (const [words, message] of [
      ['ifconfig mem2', 'mem2: no such interface (ENXIO)'],
      ['ifconfig mem2 up', 'mem2: no such interface (ENXIO)'],
      ['ifconfig veb0 add mem0', 'mem0: already a port of veb0 (EBUSY)'],
      ['ifconfig veb1 add mem0', 'mem0: already a port of veb0 (EBUSY)'],
      ['ifconfig veb0 add veb1', 'veb1: not an Ethernet interface (EPROTONOSUPPORT)'],
      ['ifconfig veb0 add mem9', 'mem9: no such interface (EINVAL)'],
      ['ifconfig veb0 add mem0123456789abc', 'mem0123456789abc: longer than 15 characters (EINVAL)'],
      ['ifconfig tap1234567890123 create', 'tap1234567890123: longer than 15 characters (EINVAL)'],
      ['ifconfig veb0 del mem1', 'mem1: not a port of veb0 (EINVAL)'],
      ['ifconfig veb0 -learn mem1', 'mem1: not a port of veb0 (ESRCH)'],
      ['ifconfig veb0 deladdr 02:00:00:00:00:01', '02:00:00:00:00:01: no such address (ESRCH)'],
      ['ifconfig veb0 deladdr 1', '1: not a MAC address (EINVAL)'],
      [
        'ifconfig veb0 static mem0 01:00:5e:00:00:01',
        '01:00:5e:00:00:01: not the address of one station (EADDRNOTAVAIL)',
      ],
      ['ifconfig veb0 maxaddr 0', 'maxaddr 0 is not between 1 and 1048576 (EINVAL)'],
      ['ifconfig veb0 create', 'veb0: exists already (EEXIST)'],
      ['ifconfig mem0 add mem1', 'mem0: not a bridge (ENOTTY)'],
      ['ifconfig veb0 up down mtu 1500', 'a veb has no mtu (ENOTTY)'],
      ['ifconfig mem1 description lost mtu 1', 'mtu 1 is not between 68 and 65535 (EINVAL)'],
      ['show nothing', `nothing: show takes one of: ${showSubjects().join(', ')} (EINVAL)`],
      ['reboot', 'reboot: unknown command (EINVAL)'],
    ]) {
      const { status, stdout, stderr } = await daemon.ctl(...words.split(' '));
      assert.deepEqual([status, stdout], [1, ''], words);
      assert.equal(stderr, `smrctl: ${words}: ${message}\n`);
    }
    assert.equal(await daemon.run('show', 'running'), running);
  });

  it('a reader that has seen enough ends smrctl well; a full disk is told', async () => {
    // More than a pipe takes.
    for (const name of ['mem0', 'mem1']) await daemon.run('ifconfig', name, 'description', 'x'.repeat(60_000));
    for (const words of ['show running', 'ifconfig', 'top -d 0.1']) {
      const piped = `"$@" | head -c 1`;
      const { stdout, stderr } = spawnSync('bash', ['-c', `set -o pipefail; ${piped}`, 'bash', ...smrctl(words)], TEXT);
      assert.deepEqual([stdout.length, stderr], [1, ''], words);
    }
    const { status, stderr } = spawnSync('bash', ['-c', '"$@" > /dev/full', 'bash', ...smrctl('show running')], TEXT);
    assert.equal(status, 1);
    assert.match(stderr, /^smrctl: standard output: .*\(ENOSPC\)\n$/);
    for (const name of ['mem0', 'mem1']) await daemon.run('ifconfig', name, '-description');
  });

  it('a ping that nobody answers prints what it has, and fails', async () => {
    await daemon.run('ifconfig', 'mem1', 'inet', '10.0.0.1/24');
    for (const args of [[], ['--json']]) {
      const { status, stdout, stderr } = await daemon.ctl(...args, 'ping', '-c', '1', '10.0.0.9');
      assert.equal(status, 1);
      assert.match(stdout, args.length === 0 ? / 0 packets received, 100\.0% packet loss\n$/ : /"received":0/);
      assert.equal(stderr, 'smrctl: ping -c 1 10.0.0.9: no answer (ETIMEDOUT)\n');
    }
    assert.equal((await daemon.ctl('ping', '-c', '1', '10.0.0.1')).status, 0);
    await daemon.run('ifconfig', 'mem1', 'inet', '10.0.0.1', 'delete');
  });

  it('every query prints values with --json', async () => {
    for (const words of [
      'ifconfig',
      'ifconfig -a',
      'ifconfig veb0',
      'ifconfig mem0',
      'ifconfig veb0 addr',
      'show running',
      'show workers',
      'show smr',
      'show rings',
      'show drops',
      'show books',
      'show memory',
    ]) {
      const { status, stdout } = await daemon.ctl('--json', ...words.split(' '));
      assert.equal(status, 0, words);
      assert.ok(Array.isArray(JSON.parse(stdout)), words);
    }
  });

  it('kill -9 leaves a socket that the next one replaces; shutdown ends that one with status 0', async () => {
    daemon.signal('SIGKILL');
    assert.equal(await daemon.exited(), -1);
    assert.ok(existsSync(daemon.socket));
    assert.match((await daemon.ctl('show', 'running')).stderr, /no smrouterd answers there \(ECONNREFUSED\)\n$/);
    const config = readFileSync(daemon.file, 'utf8').trimEnd().split('\n');
    daemon = await Daemon.start({ config, socket: daemon.socket });
    assert.equal((await daemon.ctl('shutdown')).status, 0);
    assert.equal(await daemon.exited(), 0);
    assert.ok(!existsSync(daemon.socket));
    assert.deepEqual(daemon.complaints(), []);
  });
});

describe('a daemon with TAPs', { skip: skipReason.tun() }, () => {
  it('SIGTERM and SIGINT: status 0, TAPs and socket gone; kill -9: TAPs gone', async () => {
    for (const [signal, status] of [
      ['SIGTERM', 0],
      ['SIGINT', 0],
      ['SIGKILL', -1],
    ] as const) {
      const tap = uniqueTap();
      const daemon = await Daemon.start({
        config: [`ifconfig ${tap} create up`, `ifconfig veb0 create add ${tap} up`],
      });
      assert.ok(isLink(tap));
      daemon.signal(signal);
      assert.equal(await daemon.exited(), status, signal);
      await until(`${tap} gone after ${signal}`, 2000, () => !isLink(tap));
      assert.equal(existsSync(daemon.socket), signal === 'SIGKILL');
      assert.deepEqual(daemon.complaints(), []);
    }
  });
});
