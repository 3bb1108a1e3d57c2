/**
 * Every pair of ports, by what their devices take as it is: TCP and UDP superframes of one kernel arrive whole or cut at
 * another, and that one, which verifies what is not marked as partial, finds no wrong checksum, length or byte.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { type Host, Lan, type PortKind } from '../support/hosts.js';
import { until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

/**
 * A kind of port: a device and what it is given as it is; whether superframes are cut for it, and whether it gives any. A further kind of
 * device is one line more for each.
 */
const KINDS = [
  { name: 'tap', port: 'tap', words: 'tso txcsum', cuts: false, gives: true },
  { name: 'tap -tso', port: 'tap', words: '-tso txcsum', cuts: true, gives: true },
  { name: 'tap -txcsum', port: 'tap', words: 'tso -txcsum', cuts: true, gives: true },
  { name: 'tap -tso -txcsum', port: 'tap', words: '-tso -txcsum', cuts: true, gives: true },
  { name: 'packet', port: 'packet', words: 'tso txcsum', cuts: false, gives: true },
  // Linux cuts what it sends to an interface with XDP, and leaves checksums open without saying so.
  { name: 'xdp', port: 'xdp', words: 'up', cuts: true, gives: false },
] as const;

type Side = (typeof KINDS)[number];

/** Every pair of kinds, and of a TAP's words; the words of a TAP beside other kinds show nothing more. */
function isPair(left: Side, right: Side): boolean {
  const plain = (side: Side): boolean => side.port !== 'tap' || side.name === 'tap';
  return (left.port === 'tap' && right.port === 'tap') || (plain(left) && plain(right));
}

/** Two hosts of each kind of device. */
const HOSTS: readonly PortKind[] = ['tap', 'tap', 'packet', 'packet', 'xdp', 'xdp'];
const FAMILIES = ['v4', 'v6'] as const;
const PORT = 5300;
const TCP_BYTES = 2 << 20;
const DATAGRAMS = 400;
let iperfPort = 5201;
const ANSWER_MS = 20_000;

/** Hashes each connection and answers with the sum; for a line `ADDRESS` on stdin sends random bytes there and compares. */
const TCP_PEER = `
const { createHash, randomBytes } = require('node:crypto');
const net = require('node:net');
const server = { port: ${PORT}, host: '::' };
net.createServer({ allowHalfOpen: true }, (socket) => {
  const hash = createHash('sha256');
  socket.on('data', (chunk) => hash.update(chunk)).on('end', () => socket.end(hash.digest('hex')));
}).listen(server, () => console.log('ready'));
require('node:readline').createInterface({ input: process.stdin }).on('line', (host) => {
  const data = randomBytes(${TCP_BYTES});
  const sum = createHash('sha256').update(data).digest('hex');
  let answer = '';
  const socket = net.connect({ port: server.port, host, allowHalfOpen: true }, () => socket.end(data));
  socket.on('data', (chunk) => { answer += chunk; });
  socket.on('error', (error) => console.log(error.message));
  socket.on('end', () => console.log(answer === sum ? 'same' : 'other'));
});
`;

/**
 * `s ADDRESS` sends ${DATAGRAMS} datagrams as superframes of up to 40 (UDP_SEGMENT), each with its number and its hash;
 * `r` waits for as many and says how many were good, bad and out of order.
 */
const UDP_PEER = `
import sys, socket, hashlib, os, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
s.bind(('::', ${PORT}))
s.settimeout(5)
print('ready')
for line in sys.stdin:
    op, *rest = line.split()
    if op == 's':
        s.setsockopt(17, 103, 1200)
        datagrams = []
        for n in range(${DATAGRAMS}):
            # The last of each superframe is short, and odd.
            data = n.to_bytes(4, 'big') + os.urandom(1164 if n % 40 != 39 else 701)
            datagrams.append(hashlib.sha256(data).digest() + data)
        for n in range(0, ${DATAGRAMS}, 40):
            s.sendto(b''.join(datagrams[n:n + 40]), (rest[0], ${PORT}))
            time.sleep(0.001)
        s.setsockopt(17, 103, 0)
        print('sent')
        continue
    good = bad = 0
    seen = []
    try:
        while good + bad < ${DATAGRAMS}:
            data = s.recv(1 << 16)
            if hashlib.sha256(data[32:]).digest() == data[:32]: good += 1
            else: bad += 1
            seen.append(int.from_bytes(data[32:36], 'big'))
    except TimeoutError: pass
    print(good, bad, 'in order' if seen == sorted(seen) else 'out of order')
`;

interface Iperf {
  end: { sum_received: { bytes: number } };
}

/** A program in a namespace that answers a line with a line. */
class Peer {
  private readonly answers: AsyncIterator<string>;
  private readonly child: ChildProcess;

  constructor(host: Host, command: readonly string[]) {
    this.child = host.netns.spawn(command);
    this.answers = createInterface({ input: this.child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  say(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** The next line it prints. Throws when there is none: a bound on being stuck. */
  async hear(): Promise<string> {
    let stuck: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      stuck = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
    });
    try {
      return String((await Promise.race([this.answers.next(), late])).value);
    } finally {
      clearTimeout(stuck);
    }
  }
}

/** Counters of a namespace that grow when something that arrived was wrong. */
function errors(host: Host): Record<string, number> {
  const found: Record<string, number> = {};
  const lines = host.netns.exec(['cat', '/proc/net/snmp']).split('\n');
  for (let n = 0; n + 1 < lines.length; n += 2) {
    const names = (lines[n] as string).split(' ');
    const values = (lines[n + 1] as string).split(' ');
    names.forEach((name, k) => {
      if (/^(InCsumErrors|InErrors|InErrs|InHdrErrors|InTruncatedPkts)$/.test(name)) {
        found[`${names[0]}${name}`] = Number(values[k]);
      }
    });
  }
  const text = host.netns.exec(['cat', '/proc/net/snmp6']);
  for (const [, name = '', value] of text.matchAll(
    /^(\w*(?:InCsumErrors|InErrors|InHdrErrors|InTruncatedPkts))\s+(\d+)$/gm,
  )) {
    found[name] = Number(value);
  }
  return found;
}

describe('every pair of ports, by what their devices take', { skip: skipReason.tun() }, () => {
  let lan: Lan;
  let tcp: Peer[];
  let udp: Peer[];

  before(async () => {
    lan = await Lan.start('offload', { hosts: HOSTS.length, kinds: HOSTS, workers: 2 });
    tcp = lan.hosts.map((host) => new Peer(host, [process.execPath, '-e', TCP_PEER]));
    udp = lan.hosts.map((host) => new Peer(host, ['/usr/bin/python3', '-u', '-c', UDP_PEER]));
    for (const peer of [...tcp, ...udp]) assert.equal(await peer.hear(), 'ready');
    // Each knows the other before superframes come: what waits for a neighbour may be thrown away.
    for (const [n, a] of lan.hosts.entries()) {
      for (const b of lan.hosts.slice(n + 1))
        for (const address of [b.v4, b.v6])
          await until('a ping', 5000, () => lan.ping(a, address, '-c', '1').received === 1);
    }
  });
  after(async () => assert.equal(await lan?.stop(), 0));

  /** The term `segmented` of the books, as `show books` has it. */
  async function segmented(): Promise<number> {
    await lan.daemon.books();
    const rows = await lan.daemon.json<{ of: string; terms: string }[]>('show', 'books');
    const [, frames] = /segmented (\d+)/.exec(rows.map((row) => row.terms).join(' ')) ?? [];
    assert.ok(frames !== undefined, JSON.stringify(rows));
    return Number(frames);
  }

  /** Runs `traffic` and asserts that it was cut on the way to port kind `to` if it had to be, and not otherwise. */
  async function cutOrNot(cuts: boolean, traffic: () => Promise<void>): Promise<void> {
    const was = await segmented();
    await traffic();
    const added = (await segmented()) - was;
    assert.ok(cuts ? added > 100 : added === 0, `${added} frames were added by cutting`);
  }

  /** Each way by iperf3; not --bidir, which with -n now and then waits for ever (3.12). */
  async function iperf(a: Host, b: Host): Promise<void> {
    for (const way of [[], ['-R']]) {
      // The server before may not have given its port back yet.
      const port = String(iperfPort++);
      const server = b.netns.spawn(['iperf3', '-s', '-1', '-p', port, '--forceflush']);
      let said = '';
      server.stdout?.on('data', (chunk: Buffer) => {
        said += chunk;
      });
      await until('iperf3 listens', 5000, () => said.includes('Server listening'));
      const command = ['iperf3', '-c', b.v4, '-p', port, '-n', '8M', '-J', ...way];
      const { end } = JSON.parse(a.netns.exec(command, { timeoutMs: ANSWER_MS })) as Iperf;
      assert.ok(end.sum_received.bytes > 0, JSON.stringify(end));
    }
  }

  for (const left of KINDS) {
    for (const right of KINDS) {
      if (!isPair(left, right)) continue;
      it(`${left.name} to ${right.name}`, async () => {
        const [l, r] = [HOSTS.indexOf(left.port), HOSTS.lastIndexOf(right.port)];
        const [a, b] = [lan.hosts[l], lan.hosts[r]] as [Host, Host];
        await lan.daemon.run('ifconfig', a.tap, ...left.words.split(' '));
        await lan.daemon.run('ifconfig', b.tap, ...right.words.split(' '));
        const was = lan.hosts.map(errors);
        for (const family of FAMILIES) {
          await cutOrNot(right.cuts && left.gives, async () => {
            tcp[l]?.say(b[family]);
            assert.equal(await tcp[l]?.hear(), 'same', `TCP ${family}`);
          });
          await cutOrNot(right.cuts && left.gives, async () => {
            udp[l]?.say(`s ${family === 'v4' ? '::ffff:' : ''}${b[family]}`);
            udp[r]?.say('r');
            assert.equal(await udp[l]?.hear(), 'sent');
            assert.equal(await udp[r]?.hear(), `${DATAGRAMS} 0 in order`, `UDP ${family}`);
          });
        }
        await cutOrNot((right.cuts && left.gives) || (left.cuts && right.gives), () => iperf(a, b));
        assert.deepEqual(lan.hosts.map(errors), was);
        // down: received between being attached and being set up. link-down: flooded to a host whose end was not up yet; queue-full: TCP asked for more than the kernel took.
        assert.deepEqual(
          [...(await lan.drops()).keys()].filter((key) => !/ (down|link-down|queue-full)$/.test(key)),
          [],
        );
        assert.deepEqual(lan.daemon.complaints(), []);
      });
    }
  }
});
