/**
 * Captures to files by a running smrouterd, of traffic between hosts: counted packet by packet across reloads, full disks and a crash,
 * and read by tshark (spec A §8.4).
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Daemon } from '../support/daemon.js';
import { baseLines, flood } from '../support/flood.js';
import { type Host, Lan } from '../support/hosts.js';
import { readPcapFile } from '../support/pcap-file.js';
import { temporaryFolder, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const LIMIT_MS = 20_000;
const RATE = 4000;

interface Shown {
  readonly to: string;
  readonly received: number;
  readonly captured: number;
  readonly dropped: number;
  readonly written: number;
}

const packets = (path: string): number => readPcapFile(readFileSync(path)).packets.length;

describe('capture IF file PATH', { skip: skipReason.tun() || skipReason.program('tshark') }, () => {
  let lan: Lan;
  const folder = temporaryFolder();
  const path = join(folder, 'a.pcap');
  const line = (host: Host, more = ''): string => `capture ${host.tap} file ${path} direction in${more}`;
  const shown = (): Promise<Shown[]> => lan.daemon.json('show', 'captures');

  before(async () => {
    lan = await Lan.start('capfile', { hosts: 2 });
  });
  after(() => lan?.stop());

  it('a reload does not touch a capture whose line is the same: not one packet is missing', async () => {
    const [a, b] = lan.hosts as [Host, Host];
    const config = [...baseLines(lan), line(a, ` filter "udp port 9"`)];
    lan.daemon.configure(config);
    await lan.daemon.run('reload');
    const sending = flood(lan, a, b, 2, RATE);
    for (let n = 0; n < 6; n++) {
      const other =
        n % 2 === 0 ? [`capture veb0 file ${join(folder, `other${n}.pcap`)} snaplen 64 rotate size 64K`] : [];
      lan.daemon.configure([...config, ...other, `ifconfig ${b.tap} description "round ${n}"`]);
      await lan.daemon.run('reload');
    }
    const { sent } = await sending;
    await until('all written', LIMIT_MS, async () => (await shown()).some((c) => c.written === sent));
    const running = await lan.daemon.run('show', 'running');
    assert.ok(running.split('\n').includes(line(a, ` filter "udp port 9"`)), running);
    const [capture] = (await shown()).filter((c) => c.to === path);
    assert.ok(capture !== undefined && capture.dropped === 0);
    assert.ok(
      sent > 0 && packets(path) === capture.written,
      `${packets(path)} in the file, ${capture.written} written`,
    );
    const list = execFileSync(
      'tshark',
      ['-r', path, '-Y', 'udp.dstport == 9', '-T', 'fields', '-e', 'frame.time_epoch'],
      {
        encoding: 'utf8',
        maxBuffer: 1 << 24,
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    const times = list.trimEnd().split('\n').map(Number);
    assert.equal(times.length, capture.written);
    assert.ok(
      times.every((time, n) => n === 0 || time >= (times[n - 1] as number)),
      'time stamps go back',
    );
    const metrics = await lan.daemon.metrics();
    const received = [...metrics].find(
      ([name]) => name.startsWith('smrouter_capture_received_total') && name.includes(path),
    );
    assert.ok((received?.[1] ?? 0) >= capture.received);
    await lan.daemon.books();
  });

  it('a full disk drops what is captured and nothing that is forwarded; then it goes on', async (t) => {
    const [a, b] = lan.hosts as [Host, Host];
    const disk = temporaryFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'none', disk]);
    t.after(() => execFileSync('umount', ['-l', disk]));
    const [full, ballast] = [join(disk, 'full.pcap'), join(disk, 'ballast')];
    writeFileSync(ballast, Buffer.alloc(256 << 10));
    await lan.daemon.run('capture', a.tap, 'file', full, 'direction', 'in', 'filter', 'udp port 9');
    const first = await flood(lan, a, b, 2, RATE);
    assert.equal(first.arrived, first.sent, 'forwarding lost frames');
    const at = async (): Promise<Shown | undefined> => (await shown()).find((c) => c.to === full);
    assert.ok(((await at())?.dropped ?? 0) > 0, 'the disk was not full');
    await until('the log', LIMIT_MS, () => lan.daemon.find('capture-stuck'));
    rmSync(ballast);
    const second = await flood(lan, a, b, 1.5, 500);
    assert.equal(second.arrived, second.sent);
    await until('the log', LIMIT_MS, () => lan.daemon.find('capture-resumed'));
    await lan.daemon.run('capture', a.tap, '-file', full);
    assert.ok(packets(full) > 0);
    await lan.daemon.books();
  });

  it('after a crash the file is gone on with', async () => {
    const crashed = join(folder, 'crash.pcap');
    const [a, b] = lan.hosts as [Host, Host];
    await lan.daemon.run('capture', a.tap, 'file', crashed, 'filter', 'udp port 9');
    await flood(lan, a, b, 0.5, RATE);
    await until('written', LIMIT_MS, () => existsSync(crashed) && readFileSync(crashed).length > 24);
    lan.daemon.signal('SIGKILL');
    await lan.daemon.exited();
    // As if it had been in the middle of a write.
    const torn = readFileSync(crashed);
    writeFileSync(crashed, torn.subarray(0, -5));
    const config = ['ifconfig tap777 create up', `capture tap777 file ${crashed}`];
    const daemon = await Daemon.start({ config });
    try {
      assert.equal(packets(crashed), readPcapFile(torn).packets.length - 1);
    } finally {
      assert.equal(await daemon.stop(), 0);
    }
  });

  it('a configuration whose file holds something else does not start the daemon, and says why', async () => {
    const text = join(folder, 'text');
    writeFileSync(text, 'something else\n');
    const config = ['ifconfig tap778 create up', `capture tap778 file ${text}`];
    await assert.rejects(Daemon.start({ config }), /tap778: .*text: is too short/);
    assert.equal(readFileSync(text, 'utf8'), 'something else\n');
  });
});
