/**
 * smrouterd as a service: what systemd is told, which rights it needs, who may use its socket, and the unit that says so.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { Daemon } from '../support/daemon.js';
import { DatagramReceiver } from '../support/datagrams.js';
import { Netns } from '../support/netns.js';
import { BIN, temporaryFolder, uniqueTap, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const UNIT = join(BIN, '../packaging/smrouter.service');
const unit = readFileSync(UNIT, 'utf8');
/** The exposure that systemd reckons for the unit, as README gives it: at most this. */
const EXPOSURE = 2.6;
/** Users and groups that nobody has. */
const [USER, ADMINS, READERS, STRANGER] = [61_001, 61_002, 61_003, 61_004];

/** The value of a setting of the unit. */
function setting(name: string): string {
  return new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
}

/** A command's standard output, whatever its status. */
async function said(command: string, ...args: string[]): Promise<{ status: number; text: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, { timeout: 20_000 });
    return { status: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { status: code, text: stdout + stderr };
  }
}

describe('the unit', () => {
  const folder = temporaryFolder();
  const file = join(folder, 'smrouter.service');
  // The program and the pages are not installed here.
  writeFileSync(file, unit.replace('/usr/bin/smrouterd', join(BIN, 'smrouterd')).replace(/^Documentation=.*\n/m, ''));

  it('is correct, as systemd-analyze sees it', async () => {
    assert.deepEqual(await said('systemd-analyze', 'verify', file), { status: 0, text: '' });
  });

  it(`exposes no more than ${EXPOSURE} of 10`, async () => {
    const { text } = await said('systemd-analyze', '--no-pager', 'security', '--offline=true', file);
    const [, exposure = ''] = /Overall exposure level for \S+: ([\d.]+)/.exec(text) ?? [];
    assert.ok(exposure !== '' && Number(exposure) <= EXPOSURE, text.slice(-200));
  });

  it('gives three capabilities', () => {
    for (const name of ['CapabilityBoundingSet', 'AmbientCapabilities'])
      assert.equal(setting(name), 'CAP_NET_ADMIN CAP_NET_RAW CAP_BPF');
    assert.equal(setting('LimitMEMLOCK'), 'infinity');
  });
});

describe('a daemon with the rights of the unit', { skip: skipReason.tun() }, () => {
  const hosts = [Netns.create('service'), Netns.create('service')];
  const taps = [uniqueTap(), uniqueTap()];
  const notify = join(temporaryFolder(), 'notify');
  const manager = new DatagramReceiver(notify);
  const told: string[] = [];
  let tunMode = 0o666;
  let daemon: Daemon;
  /** The process that took over. */
  let successor = 0;

  /** Waits until something of that form was told. */
  const hears = (what: RegExp) => until(String(what), 5000, () => told.some((text) => what.test(text)));
  // The socket's queue is short, and a heartbeat that finds no room is no news.
  const listening = setInterval(() => told.push(...manager.take()), 20).unref();

  before(async () => {
    tunMode = statSync('/dev/net/tun').mode & 0o777;
    // As udev has it; a machine without udev may have less.
    chmodSync('/dev/net/tun', 0o666);
    chmodSync(join(notify, '..'), 0o755);
    chmodSync(notify, 0o777);
    const capabilities = setting('AmbientCapabilities').toLowerCase().replaceAll('cap_', '').split(' ');
    daemon = await Daemon.start({
      config: [
        'ifconfig veb0 create up',
        ...taps.flatMap((tap, n) => [`ifconfig ${tap} create netns ${hosts[n]?.name} up`, `ifconfig veb0 add ${tap}`]),
      ],
      as: { uid: USER, capabilities },
      env: { NOTIFY_SOCKET: notify, WATCHDOG_USEC: '200000' },
      args: ['--admin-group', String(ADMINS), '--read-group', String(READERS)],
    });
    chmodSync(join(daemon.socket, '..'), 0o755);
  });
  after(async () => {
    for (const signal of ['SIGCONT', 'SIGTERM'] as const) if (successor !== 0) process.kill(successor, signal);
    await daemon?.stop();
    clearInterval(listening);
    manager.close();
    chmodSync('/dev/net/tun', tunMode);
    for (const host of hosts) host.destroy();
  });

  it('makes TAPs, moves them and forwards', () => {
    hosts.forEach((host, n) => {
      host.exec(['ip', 'address', 'add', `198.18.0.${n + 1}/24`, 'dev', taps[n] as string]);
      host.exec(['ip', 'link', 'set', taps[n] as string, 'up']);
    });
    assert.match(hosts[0]?.exec(['ping', '-c', '2', '-i', '0.2', '-W', '2', '198.18.0.2']) ?? '', / 0% packet loss/);
  });

  it('tells systemd that it is ready, that it turns, that it reloads', async () => {
    await hears(/^READY=1$/m);
    await hears(/^WATCHDOG=1$/m);
    told.length = 0;
    daemon.signal('SIGHUP');
    await hears(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
    await hears(/^READY=1$/m);
  });

  it('smrctl upgrade: the next one is the service, and forwards; one that cannot start changes nothing', async () => {
    const config = readFileSync(daemon.file, 'utf8');
    const old = daemon.pid;
    writeFileSync(daemon.file, `${config}ifconfig nonsense\n`);
    await assert.rejects(daemon.run('upgrade'), /ended with status 1, .*; this one goes on \(EIO\)/);
    writeFileSync(daemon.file, config);
    assert.equal(await daemon.run('show', 'status'), 'forwarding\n');
    told.length = 0;
    const [, pid = ''] = /^process (\d+) takes over$/m.exec((await daemon.ctl('upgrade')).stdout) ?? [];
    successor = Number(pid);
    assert.notEqual(successor, old);
    assert.equal(await daemon.run('show', 'status'), 'forwarding\n', 'it answers at once');
    await until('the old one is gone', 10_000, () => !existsSync(`/proc/${old}/task`));
    await hears(new RegExp(`^READY=1\n.*\nMAINPID=${pid}$`));
    const first = told.filter((text) => !text.startsWith('WATCHDOG'));
    assert.deepEqual([first[0], first.length], [`MAINPID=${pid}`, 2], 'the service does not stop between');
    told.length = 0;
    await hears(/^WATCHDOG=1$/m);
    assert.match(hosts[0]?.exec(['ping', '-c', '2', '-i', '0.2', '-W', '2', '198.18.0.2']) ?? '', / 0% packet loss/);
  });

  it('a main thread that does not turn is silent', async () => {
    await hears(/^WATCHDOG=1$/m);
    process.kill(successor, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 100));
    told.length = 0;
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(told, []);
    process.kill(successor, 'SIGCONT');
    await hears(/^WATCHDOG=1$/m);
  });

  /** Runs smrctl as a user of some groups. */
  const as = (uid: number, gids: number[], ...words: string[]) =>
    said(
      'setpriv',
      `--reuid=${uid}`,
      `--regid=${uid}`,
      ...(gids.length === 0 ? ['--clear-groups'] : [`--groups=${gids.join(',')}`]),
      process.execPath,
      join(BIN, 'smrctl'),
      '-s',
      daemon.socket,
      ...words,
    );

  it('its socket: strangers nothing, readers may ask, admins may act', async () => {
    const [show, act] = [
      ['show', 'running'],
      ['ifconfig', 'veb0', 'flush'],
    ];
    assert.match((await as(STRANGER, [], ...show)).text, /neither root nor of a group .* \(EPERM\)/);
    assert.equal((await as(STRANGER, [READERS], ...show)).status, 0);
    assert.match((await as(STRANGER, [READERS], ...act)).text, /the read group may only ask \(EPERM\)/);
    assert.equal((await as(STRANGER, [ADMINS, STRANGER], ...act)).status, 0);
    assert.equal((await as(USER, [], ...act)).status, 0);
  });

  it('leaves, and says that', async () => {
    told.length = 0;
    process.kill(successor, 'SIGTERM');
    await hears(/^STOPPING=1$/m);
    // It has the log's pipe, which ends with it.
    assert.equal(await daemon.exited(), 0);
    successor = 0;
  });
});
