/**
 * Traces of packets through the stack (issue 9 point 8) on a live router, and `smrctl trace` as an operator runs it.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { listenControl } from '../../src/main/api/control-socket.js';
import { etherFrame } from '../support/ip-frame.js';
import { LiveRouter } from '../support/live-router.js';
import { BIN, temporaryFolder, until } from '../support/programs.js';
import { LiveTrace } from '../support/traces.js';
import { udpPacket } from '../support/udp-packet.js';

const MS = 20_000;
const R0 = '02:00:00:00:01:00';
const R1 = '02:00:00:00:01:01';
const H0 = '02:00:00:00:02:00';
const H1 = '02:00:00:00:02:01';
/** A gateway behind mem1; an rport to domain 1, whose host is behind mem2. */
const LINES = [
  `ifconfig mem0 create lladdr ${R0} inet 10.0.0.1/24 inet6 2001:db8::1/64 up`,
  `ifconfig mem1 create lladdr ${R1} inet 10.0.1.1/24 inet6 2001:db8:1::1/64 up`,
  'ifconfig mem2 create rdomain 1 inet 10.0.2.1/24 up',
  'ifconfig rport0 create inet 169.254.0.1 169.254.0.2 up',
  'ifconfig rport1 create rdomain 1 inet 169.254.0.2 169.254.0.1 up',
  'ifconfig rport0 parent rport1',
  'route add 172.16.0.0/12 10.0.1.2',
  'route add -blackhole 192.168.0.0/16 127.0.0.1',
  'route add 10.0.2.0/24 169.254.0.2',
  'ndp -s 2001:db8:1::2 02:00:00:00:02:01',
  `arp -s 10.0.1.2 ${H1}`,
  `arp -V 1 -s 10.0.2.2 ${H1}`,
];

let live: LiveRouter;
let server: FastifyInstance;
const socket = join(temporaryFolder(), 'control');

before(async () => {
  live = await LiveRouter.start(...LINES);
  server = await listenControl(socket, async () => '', undefined, live.router.captureStreams);
});

after(async () => {
  await server.close();
  await live.stop();
});

afterEach(() => live.settle());

/** An IP packet from the host behind mem0, as the router gets it. */
function packet(to: string, options: { ttl?: number } = {}, dst = R0): Uint8Array {
  const six = to.includes(':');
  return etherFrame(dst, H0, six ? 0x86dd : 0x0800, udpPacket(six ? '2001:db8::2' : '10.0.0.2', to, options));
}

/** What a trace of mem0 tells of one frame. */
async function told(frame: Uint8Array): Promise<string[]> {
  const trace = await LiveTrace.start(live.router, 'mem0');
  await live.send('mem0', frame);
  const frames = await trace.end();
  assert.equal(frames.length, 1);
  // Which worker has which port is the router's business.
  return (frames[0] as string[]).filter((line) => !line.startsWith('handed to worker'));
}

for (const [what, frame, lines] of [
  [
    'to a gateway whose neighbour is known',
    packet('172.16.3.4'),
    ['route in domain 0, IPv4 received on mem0: by 10.0.1.2 on mem1', `leaves by mem1, to ${H1}`],
  ],
  [
    'IPv6 to a station on the link',
    packet('2001:db8:1::2'),
    ['route in domain 0, IPv6 received on mem0: on the link of mem1', `leaves by mem1, to ${H1}`],
  ],
  [
    'to a neighbour that nobody knows',
    packet('10.0.1.77'),
    [
      'route in domain 0, IPv4 received on mem0: on the link of mem1',
      'to main from mem0: the neighbour is not known yet',
    ],
  ],
  [
    'without a route',
    packet('8.8.8.8'),
    ['route in domain 0, IPv4 received on mem0: none', 'to main from mem0: no route'],
  ],
  [
    'into a blackhole',
    packet('192.168.1.1'),
    ['route in domain 0, IPv4 received on mem0: blackhole', 'dropped at mem0: blackhole (a route that says blackhole)'],
  ],
  [
    'whose TTL is used up',
    packet('172.16.3.4', { ttl: 1 }),
    ['route in domain 0, IPv4 received on mem0: by 10.0.1.2 on mem1', 'to main from mem0: TTL or hop limit used up'],
  ],
  [
    'over an rport into another domain',
    packet('10.0.2.2'),
    [
      'route in domain 0, IPv4 received on mem0: by 169.254.0.2 on rport0',
      'out of rport0, into its peer',
      'route in domain 1, IPv4 received on rport1: on the link of mem2',
      `leaves by mem2, to ${H1}`,
    ],
  ],
  ['to another station', packet('172.16.3.4', {}, H1), ['dropped at mem0: other-host (unicast to another station)']],
] as const) {
  test(`a packet ${what}`, async () => {
    assert.deepEqual(await told(frame), ['the stack of mem0', ...lines]);
  });
}

/** `smrctl` with these words: what it printed so far. */
class Smrctl {
  readonly child: ChildProcess;
  out = '';
  err = '';
  readonly ended: Promise<number>;

  constructor(...words: string[]) {
    this.child = spawn(process.execPath, [join(BIN, 'smrctl'), '-s', socket, ...words]);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.ended = once(this.child, 'close').then(([code]) => code as number);
  }

  /** Sends the frame again and again until `done`: a filter is compiled, and made a function of, first. */
  async sending(frame: Uint8Array, done: () => boolean): Promise<void> {
    const sender = setInterval(() => live.host('mem0').send(frame), 20);
    await until('the trace', MS, done).finally(() => clearInterval(sender));
  }
}

test('smrctl trace prints a block for each frame that its filter matches, and ends after as many as asked for', async () => {
  const smrctl = new Smrctl('trace', '-i', 'mem0', '-c', '1', 'udp', 'port', '7');
  await smrctl.sending(packet('172.16.3.4'), () => smrctl.child.exitCode !== null);
  assert.equal(await smrctl.ended, 0, smrctl.err);
  const [head, ...lines] = smrctl.out.split('\n').filter((line) => !line.startsWith('    handed'));
  const summary = `${H0} > ${R0} IPv4 10.0.0.2 port 40000 > 172.16.3.4 port 7 UDP ttl 64`;
  assert.match(head as string, /^\d\d:\d\d:\d\d\.\d{6} mem0 length 74: /);
  assert.ok((head as string).endsWith(summary), head);
  assert.deepEqual(lines, [
    '    the stack of mem0',
    '    route in domain 0, IPv4 received on mem0: by 10.0.1.2 on mem1',
    `    leaves by mem1, to ${H1}`,
    '',
  ]);
  assert.match(smrctl.err, /^1 frames traced, \d+ missed\n$/);
});

test('--json gives an object a frame; an interrupt ends it', async () => {
  const smrctl = new Smrctl('--json', 'trace', '-i', 'mem0');
  await smrctl.sending(packet('192.168.1.1'), () => smrctl.out.split('\n').length > 2);
  smrctl.child.kill('SIGINT');
  assert.equal(await smrctl.ended, 0, smrctl.err);
  const [first] = smrctl.out.split('\n');
  const { interface: name, decisions, more } = JSON.parse(first as string);
  assert.deepEqual([name, more], ['mem0', 0]);
  assert.deepEqual(
    decisions.map((d: { kind: string; interface: string }) => [d.kind, d.interface]),
    [
      ['stack', 'mem0'],
      ['route', 'mem0'],
      ['drop', 'mem0'],
    ],
  );
});

for (const [words, error] of [
  ['-i mem9', /mem9: no such interface \(ENXIO\)/],
  ['-i mem0 not a filter', /filter: can't parse filter expression: syntax error \(EINVAL\)/],
  ['-i lo1', /lo1: no input to trace from; trace the interface that its packets come in by \(EOPNOTSUPP\)/],
  ['-i mem0 -w file', /-w: unknown option \(EINVAL\)/],
  ['-c 1', /interface missing: -i IF \(EINVAL\)/],
] as const) {
  test(`smrctl trace ${words}: ${error.source}`, async () => {
    const smrctl = new Smrctl('trace', ...words.split(' '));
    assert.equal(await smrctl.ended, 1);
    assert.match(smrctl.err, error);
    assert.equal(smrctl.out, '');
  });
}
