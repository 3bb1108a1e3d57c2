/**
 * The bridge between real hosts: ping, TCP and UDP at speed, superframes whole, every byte as it was sent.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { after, afterEach, before, describe, it } from 'node:test';
import { type Host, Lan } from '../support/hosts.js';
import { until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const PORT = 5201;
const FILE_BYTES = 20 << 20;
/** What a segment of 1500 bytes carries at most, and what a superframe carries at least to be told from it. */
const SEGMENT = 1460;

interface Iperf {
  end: { sum_received: { bytes: number }; sum?: { packets: number; lost_packets: number; bytes: number } };
}

/** Receives one connection to its end and prints `BYTES SHA256`. */
const RECEIVER = `
const hash = require('node:crypto').createHash('sha256');
let bytes = 0;
require('node:net').createServer((socket) => {
  socket.on('data', (chunk) => { bytes += chunk.length; hash.update(chunk); });
  socket.on('end', () => { console.log(bytes, hash.digest('hex')); process.exit(); });
}).listen(${PORT + 1}, '::', () => console.log('listening'));
`;

/** Sends that many bytes that do not repeat to an address, and prints their SHA-256. */
const SENDER = `
const crypto = require('node:crypto');
const data = crypto.randomBytes(${FILE_BYTES});
const socket = require('node:net').connect(${PORT + 1}, process.argv[1], () => socket.end(data));
socket.on('close', () => console.log(crypto.createHash('sha256').update(data).digest('hex')));
`;

/** What a child has printed so far. */
function output(child: ChildProcess): () => string {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  return () => text;
}

for (const workers of [1, 2]) {
  describe(`a bridge with ${workers} worker(s)`, { skip: skipReason.tun() }, () => {
    let lan: Lan;

    before(async () => {
      lan = await Lan.start('bridge', { hosts: 3, workers });
    });
    after(async () => assert.equal(await lan?.stop(), 0));

    /** No frame is lost inside but by a queue that was full, and the books hold. */
    afterEach(async () => {
      await lan.daemon.books();
      const reasons = [...(await lan.drops()).keys()].map((key) => key.split(' ')[1]);
      // link-down: flooded to a host whose end was not up yet, while the lan was built.
      for (const reason of reasons) assert.ok(reason === 'link-down' || reason === 'queue-full', reason);
      assert.deepEqual(lan.daemon.complaints(), []);
    });

    const counter = async (name: string, host: Host): Promise<number> =>
      (await lan.daemon.metrics()).get(`smrouter_interface_${name}_total{interface="${host.tap}"}`) as number;

    /** Runs an iperf3 client on `client` against a server on `server`. */
    async function iperf(client: Host, server: Host, ...args: string[]): Promise<Iperf> {
      const child = server.netns.spawn(['iperf3', '-s', '-1', '-p', String(PORT), '--forceflush']);
      const said = output(child);
      await until('iperf3 listens', 5000, () => /Server listening/.test(said()));
      const command = ['iperf3', '-c', server.v4, '-p', String(PORT), '-t', '1', '-J', ...args];
      return JSON.parse(client.netns.exec(command, { timeoutMs: 15_000 })) as Iperf;
    }

    it('ping, IPv4 and IPv6, each to each, small and larger than the MTU', () => {
      for (const from of lan.hosts) {
        for (const to of lan.hosts.filter((h) => h !== from)) {
          for (const address of [to.v4, to.v6]) {
            assert.deepEqual(lan.ping(from, address, '-c', '3', '-i', '0.02'), { sent: 3, received: 3 }, address);
          }
        }
      }
      const [a, b] = lan.hosts;
      assert.deepEqual(lan.ping(a, b.v4, '-c', '20', '-i', '0.01', '-s', '8000'), { sent: 20, received: 20 });
      assert.deepEqual(lan.ping(a, b.v6, '-c', '20', '-i', '0.01', '-s', '8000'), { sent: 20, received: 20 });
    });

    for (const reverse of [false, true]) {
      it(`TCP by iperf3${reverse ? ', reversed' : ''}: superframes are carried whole`, async () => {
        const [a, b] = lan.hosts;
        const sender = reverse ? b : a;
        const receiver = reverse ? a : b;
        const look = async () => [
          await counter('receive_packets', sender),
          await counter('receive_wire_packets', sender),
          await counter('transmit_packets', receiver),
          await counter('transmit_wire_packets', receiver),
        ];
        const was = await look();
        const { end } = await iperf(a, b, ...(reverse ? ['-R'] : []));
        assert.ok(end.sum_received.bytes > 0);
        await until('the scrape is a new one', 2000, async () => (await look())[0] > was[0]);
        const [frames, wire, sent, sentWire] = (await look()).map((now, n) => now - was[n]);
        assert.ok(wire > 3 * frames, `${frames} frames in for ${wire} packets`);
        assert.ok(sentWire > 3 * sent, `${sent} frames out for ${sentWire} packets`);
        assert.ok(
          wire * SEGMENT >= end.sum_received.bytes * 0.9,
          `${wire} packets for ${end.sum_received.bytes} bytes`,
        );
      });
    }

    it('UDP by iperf3 arrives', async () => {
      const [a, b] = lan.hosts;
      const { end } = await iperf(a, b, '-u', '-b', '100M', '-l', '1400');
      assert.ok((end.sum?.packets ?? 0) > 100);
      assert.ok((end.sum?.lost_packets ?? 0) < (end.sum?.packets ?? 0));
    });

    for (const family of ['v4', 'v6'] as const) {
      it(`20 MiB over TCP on ${family} arrive as they were sent, and no checksum is wrong`, async () => {
        const [a, b] = lan.hosts;
        const receiver = b.netns.spawn([process.execPath, '-e', RECEIVER]);
        const said = output(receiver);
        await until('the receiver listens', 5000, () => said().includes('listening'));
        const sent = a.netns.exec([process.execPath, '-e', SENDER, b[family]], { timeoutMs: 20_000 }).trim();
        const line = await until('the sum', 5000, () => /^(\d+) (\w{64})$/m.exec(said()));
        assert.deepEqual([line[1], line[2]], [String(FILE_BYTES), sent]);
      });
    }

    it('no host has seen a wrong checksum', () => {
      for (const { netns } of lan.hosts) {
        const text = ['/proc/net/snmp', '/proc/net/netstat', '/proc/net/snmp6']
          .map((f) => netns.exec(['cat', f]))
          .join('');
        const tcp = text.split('\n').filter((line) => line.startsWith('Tcp:') || line.startsWith('Udp:'));
        for (let n = 0; n < tcp.length; n += 2) {
          const names = tcp[n].split(' ');
          assert.equal(tcp[n + 1].split(' ')[names.indexOf('InCsumErrors')], '0', names[0]);
        }
        for (const [, name, errors] of text.matchAll(/^(\w*InCsumErrors)\s+(\d+)$/gm)) assert.equal(errors, '0', name);
      }
    });
  });
}
