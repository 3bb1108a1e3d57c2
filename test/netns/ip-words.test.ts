/**
 * `smrctl ip` as scripts for iproute2 use it: exit statuses, `Error: …`, the strict-mode script with a shell (spec B §4.4, row B40), the
 * secret of a key from standard input.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Daemon } from '../support/daemon.js';
import { BIN } from '../support/programs.js';

describe('smrctl ip', () => {
  let one: Daemon;
  let two: Daemon;

  before(async () => {
    [one, two] = await Promise.all([
      Daemon.start({ config: [], workers: 1 }),
      Daemon.start({ config: [], workers: 1 }),
    ]);
  });
  after(async () => {
    assert.deepEqual(await Promise.all([one?.stop(), two?.stop()]), [0, 0]);
  });

  /** Runs a shell script in which ip and sysctl are smrctl's. */
  function shell(daemon: Daemon, script: string): string {
    const smrctl = `${process.execPath} ${join(BIN, 'smrctl')} -s ${daemon.socket}`;
    const words = `ip() { ${smrctl} ip "$@"; }\nsysctl() { ${smrctl} sysctl "$@"; }\n`;
    const { stdout, stderr } = spawnSync('bash', ['-c', words + script], { encoding: 'utf8', timeout: 60_000 });
    return stdout + stderr;
  }

  it('B40 the strict-mode script, and another instance that does not know of it', () => {
    const add = (name: number, table: number): string =>
      `ip link add vrf${name} type vrf table ${table} 2>/dev/null; echo $?`;
    const strict = (value: number): string => `sysctl -wq net.vrf.strict_mode=${value} 2>/dev/null; echo $?`;
    const first = shell(
      one,
      [
        'sysctl net.vrf.strict_mode',
        ...[add(100, 100), strict(1), add(101, 100), strict(0), add(101, 100), strict(1)],
        'ip link del vrf101; echo $?',
        ...[strict(1), add(102, 102)],
      ].join('\n'),
    );
    assert.equal(first, 'net.vrf.strict_mode=0\n0\n0\n2\n0\n0\n1\n0\n0\n0\n');
    const second = shell(
      two,
      [
        ...[
          strict(1),
          add(100, 100),
          add(101, 100),
          add(102, 100),
          add(200, 200),
          strict(0),
          add(101, 100),
          add(102, 100),
        ],
      ].join('\n'),
    );
    assert.equal(second, '0\n0\n2\n2\n0\n0\n0\n0\n');
    assert.equal(shell(one, 'sysctl net.vrf.strict_mode'), 'net.vrf.strict_mode=1\n');
  });

  it('what the kernel would refuse is an Error and 2, with our own line behind it', async () => {
    const { status, stdout, stderr } = await one.ctl('ip', 'link', 'add', 'vrf103', 'type', 'vrf', 'table', '102');
    assert.deepEqual([status, stdout], [2, '']);
    const why = 'Table is used by another VRF';
    assert.equal(stderr, `Error: ${why}.\nsmrctl: ip link add vrf103 type vrf table 102: ${why} (EBUSY)\n`);
    assert.deepEqual(await one.ctl('ip', 'vrf', 'show', 'vrf9'), {
      status: 1,
      stdout: '',
      stderr: 'Error: Invalid VRF.\nsmrctl: ip vrf show vrf9: Invalid VRF (ENODEV)\n',
    });
    assert.equal((await one.ctl('ip', '-6', 'route', 'del', 'fc00::1')).status, 2);
    const { status: notShown, stderr: missing } = await one.ctl('ip', '-d', 'link', 'show', 'nope');
    assert.equal(notShown, 1);
    assert.match(missing, /^Error: Device "nope" does not exist\.\n/);
    assert.equal((await one.ctl('sysctl', 'net.vrf.strict_mode=2')).status, 1);
  });

  it('the secret of a key is the first line of standard input; an empty one deletes', async () => {
    const set = (secret: string): string => `printf '${secret}\\n' | ip sr hmac set 42 sha256 2>/dev/null; echo $?`;
    assert.equal(shell(one, set('a secret')), '0\n');
    assert.equal(await one.run('ip', 'sr', 'hmac', 'show'), 'hmac 42 algo sha256 secret "a secret"\n');
    assert.equal(shell(one, `${set('')}\n${set('')}`), '0\n2\n');
    assert.equal(await one.run('ip', 'sr', 'hmac', 'show'), '');
  });

  it('show running loads again', async () => {
    await one.run('ip', 'sr', 'tunsrc', 'set', 'fc00::1');
    const running = await one.run('show', 'running');
    one.configure(running.split('\n'));
    await one.run('reload');
    assert.equal(await one.run('show', 'running'), running);
    assert.deepEqual(one.complaints(), []);
  });
});
