/**
 * The layer-3 stack between two real hosts, everything punted: TAPs in namespaces, no workers. Linux resolves us, is resolved,
 * fragments, reassembles, and reads our errors.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readSync, writeSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { PuntReason } from '../../src/shared/ring/punt-reason.js';
import { closeTap, openTap, type TapHandle } from '../../src/shared/sys/tap.js';
import { Books, FakeWorld, ip, mac } from '../support/fake-stack.js';
import { naiveChecksum } from '../support/naive-ip.js';
import { Netns, uniqueLinkName } from '../support/netns.js';
import { skipReason } from '../support/require.js';

/** Bytes of the virtio-net header in front of a frame. */
const VNET = 12;

/** A world whose Ethernet interfaces are TAPs. */
class TapWorld extends FakeWorld {
  readonly taps = new Map<number, TapHandle>();
  private readonly buffer = new Uint8Array(70_000);

  override nowMs(): number {
    return performance.now();
  }

  override transmit(index: number, bytes: Uint8Array, forwarded: boolean): boolean {
    const fd = this.taps.get(index)?.fds[0] as number;
    writeSync(fd, Buffer.concat([new Uint8Array(VNET), bytes]));
    return super.transmit(index, bytes, forwarded);
  }

  /** Punts all that has come. */
  poll(): void {
    for (const [index, tap] of this.taps) {
      for (let length = this.read(tap); length > 0; length = this.read(tap)) this.accept(index, length);
    }
  }

  private read(tap: TapHandle): number {
    try {
      return readSync(tap.fds[0], this.buffer);
    } catch {
      return 0; // EAGAIN.
    }
  }

  private accept(index: number, length: number): void {
    const head = new DataView(this.buffer.buffer);
    const frame = this.buffer.slice(VNET, length);
    if ((this.buffer[0] & 1) !== 0) {
      const start = head.getUint16(6, true);
      const sum = naiveChecksum(frame.slice(start));
      new DataView(frame.buffer).setUint16(start + head.getUint16(8, true), sum);
    }
    const group = (frame[0] & 1) !== 0;
    if (!group && Buffer.compare(frame.slice(0, 6), mac(index)) !== 0) return;
    const reason = frame[12] === 8 && frame[13] === 6 ? PuntReason.ARP : PuntReason.LOCAL;
    // Main decides from its own tables: ND and packets to be forwarded come as LOCAL here.
    this.punt(index, frame, reason, group ? (frame[0] === 255 ? 1 : 2) : 0);
  }
}

describe('the stack between two hosts', { skip: skipReason.tun() }, () => {
  const w = new TapWorld(Math.random);
  const hosts: Netns[] = [];
  let timers: NodeJS.Timeout[] = [];

  before(() => {
    w.add(1, 0, ['10.0.1.1/24', 'fe80::1/64', '2001:db8:1::1/64']);
    w.add(2, 0, ['10.0.2.1/24', 'fe80::2/64', '2001:db8:2::1/64'], { mtu: 1400 });
    for (const k of [1, 2]) {
      const name = uniqueLinkName();
      const tap = openTap(name, 1);
      const host = Netns.create('stack');
      w.taps.set(k, tap);
      hosts.push(host);
      const run = (...words: string[]) => host.exec(['ip', ...words]);
      execFileSync('ip', ['link', 'set', name, 'netns', host.name]);
      run('link', 'set', name, 'name', 'eth0');
      host.exec(['sysctl', '-qw', 'net.ipv6.conf.eth0.accept_dad=0', 'net.ipv4.conf.all.accept_redirects=0']);
      run('link', 'set', 'eth0', 'up');
      run('addr', 'add', `10.0.${k}.9/24`, 'dev', 'eth0');
      run('-6', 'addr', 'add', `2001:db8:${k}::9/64`, 'dev', 'eth0', 'nodad');
      run('route', 'add', 'default', 'via', `10.0.${k}.1`);
      run('-6', 'route', 'add', 'default', 'via', `2001:db8:${k}::1`);
    }
    timers = [setInterval(() => w.poll(), 1), setInterval(() => w.stack.tick(), 100)];
  });

  after(() => {
    for (const timer of timers) clearInterval(timer);
    for (const tap of w.taps.values()) closeTap(tap);
    for (const host of hosts) host.destroy();
  });

  /** Runs ping in host 1 to its end and returns what it printed. */
  function ping(...words: string[]): Promise<string> {
    const child = hosts[0].spawn(['ping', '-n', '-i', '0.2', '-W', '5', ...words]);
    let out = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk;
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      out += chunk;
    });
    return new Promise((done) => child.once('close', () => done(out)));
  }

  it('B80 ping through it and to it loses nothing, not even the first', async () => {
    for (const to of ['10.0.1.1', '10.0.2.9', '2001:db8:1::1', '2001:db8:2::9', '10.0.2.1', '2001:db8:2::1']) {
      assert.match(await ping('-c', '3', to), /3 received/, to);
    }
  });

  it('B78 large packets: fragments to us, through us, and cut by us reassemble; too big ones are told the MTU', async () => {
    for (const to of ['10.0.1.1', '10.0.2.9', '2001:db8:1::1', '2001:db8:2::9']) {
      assert.match(await ping('-c', '4', '-s', '5000', to), /[34] received/, to);
    }
    assert.match(await ping('-c', '2', '-s', '1450', '-M', 'do', '10.0.2.9'), /mtu ?= ?1400/);
  });

  it('traceroute’s first hop, no route, no such host, no such port', async () => {
    assert.match(await ping('-c', '1', '-t', '1', '10.0.2.9'), /From 10\.0\.1\.1 .*Time to live exceeded/);
    assert.match(await ping('-c', '1', '-t', '1', '2001:db8:2::9'), /From 2001:db8:1::1 .*Hop limit/);
    assert.match(await ping('-c', '1', '203.0.113.1'), /From 10\.0\.1\.1 .*Net Unreachable/i);
    assert.match(await ping('-c', '1', '2001:db9::1'), /From 2001:db8:1::1 .*No route/i);
    assert.match(await ping('-c', '1', '10.0.2.77'), /From 10\.0\.1\.1 .*Host Unreachable/i);
    assert.match(await ping('-c', '1', '2001:db8:2::77'), /From 2001:db8:1::1 .*Address unreachable/i);
    assert.match(await ping('-c', '1', '-R', '10.0.2.9'), /RR:[^R]*10\.0\.2\.1/);
  });

  it('a TCP connection to it is refused', async () => {
    for (const to of ['10.0.1.1', '2001:db8:2::1']) {
      const child = hosts[0].spawn(['bash', '-c', `exec 3<>/dev/tcp/${to}/22`]);
      let out = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        out += chunk;
      });
      await once(child, 'close');
      assert.match(out, /Connection refused/);
    }
  });

  it('its own ping reaches both hosts, whole and in fragments', async () => {
    for (const to of ['10.0.1.9', '2001:db8:2::9']) {
      for (const size of [56, 4000]) {
        const report = await w.stack.ping({ rdomain: 0, destination: ip(to), count: 2, size, intervalMs: 200 });
        assert.equal(report.received, 2, `${to} ${size}`);
      }
    }
  });

  it('the books balance', () => {
    w.poll();
    new Books(w).balance();
  });
});
