/**
 * Two routing domains joined by an rport, as its manual's example types it, between real hosts: one behind a TAP in rdomain 0, one
 * behind a bridge with a vport in rdomain 1.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { splitWords } from '../../src/main/config/lines.js';
import { Daemon } from '../support/daemon.js';
import { pingCount } from '../support/hosts.js';
import { Netns } from '../support/netns.js';
import { uniqueTap, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const PORT = 5203;
/** What a segment of 1500 bytes carries at most. */
const SEGMENT = 1460;

const SCRIPT = [
  'ifconfig rport0 create rdomain 0 description "to rdomain 1"',
  'ifconfig rport1 create rdomain 1',
  'ifconfig rport0 inet 169.254.169.254 169.254.254.169',
  'ifconfig rport1 inet 169.254.254.169 169.254.169.254',
  'ifconfig rport0 parent rport1',
  'ifconfig rport0 up',
  'ifconfig rport1 up',
  'route -T 1 add default 169.254.169.254',
  'route add 10.0.1.0/24 169.254.254.169',
];

describe('an rport between two routing domains with hosts', { skip: skipReason.tun() }, () => {
  const [tapA, tapB] = [uniqueTap(), uniqueTap()];
  let daemon: Daemon;
  let a: Netns;
  let b: Netns;

  before(async () => {
    a = Netns.create('rport');
    b = Netns.create('rport');
    daemon = await Daemon.start({ config: [], workers: 2 });
    const hosts = [
      `ifconfig ${tapA} create netns ${a.name} inet 10.0.0.1/24 up`,
      `ifconfig ${tapB} create netns ${b.name} up`,
      'ifconfig vport1 create rdomain 1 inet 10.0.1.1/24 up',
      `ifconfig veb1 create add ${tapB} add vport1 up`,
    ];
    for (const line of [...hosts, ...SCRIPT]) {
      const { status, stderr } = await daemon.ctl(...splitWords(line));
      assert.equal(status, 0, `${line}: ${stderr}`);
    }
    for (const [netns, tap, net] of [
      [a, tapA, '10.0.0'],
      [b, tapB, '10.0.1'],
    ] as const) {
      netns.exec(['ip', 'address', 'add', `${net}.2/24`, 'dev', tap]);
      netns.exec(['ip', 'link', 'set', tap, 'up']);
      netns.exec(['ip', 'route', 'add', 'default', 'via', `${net}.1`]);
    }
  });

  after(async () => {
    assert.equal(await daemon?.stop(), 0);
    a?.destroy();
    b?.destroy();
  });

  afterEach(async () => {
    await daemon.books();
    assert.deepEqual(daemon.complaints(), []);
  });

  const metric = async (name: string): Promise<number> => {
    const value = (await daemon.metrics()).get(name);
    assert.ok(value !== undefined, name);
    return value;
  };
  const counter = (name: string, tap: string): Promise<number> =>
    metric(`smrouter_interface_${name}_total{interface="${tap}"}`);

  it('prints what was typed as a configuration that gives it again', async () => {
    const running = (await daemon.run('show', 'running')).split('\n');
    for (const line of [
      'ifconfig rport0 inet 169.254.169.254/32 169.254.254.169 alias',
      'ifconfig rport0 parent rport1',
      'route -T 1 add -inet 0.0.0.0/0 169.254.169.254',
      'ifconfig rport1 up',
    ]) {
      assert.ok(running.includes(line), `${line} is not in\n${running.join('\n')}`);
    }
  });

  it('the router pings across it from either domain, and the hosts behind', async () => {
    for (const words of ['-V 0 169.254.254.169', '-V 1 169.254.169.254', '-V 0 10.0.1.2', '-V 1 10.0.0.2']) {
      const printed = await daemon.run('ping', '-c', '2', ...words.split(' '));
      assert.match(printed, /2 packets transmitted, 2 packets received/, words);
    }
  });

  it('hosts reach each other and the far end of the rport; each end takes one off the TTL', () => {
    for (const [from, to] of [
      [a, '10.0.1.2'],
      [b, '10.0.0.2'],
      [a, '169.254.254.169'],
      [b, '169.254.169.254'],
      [a, '10.0.1.1'],
    ] as const) {
      const printed = from.exec(['ping', '-q', '-n', '-c', '3', '-i', '0.05', '-W', '2', to], { check: false });
      assert.deepEqual(pingCount(printed), { sent: 3, received: 3 }, to);
    }
    assert.match(a.exec(['ping', '-n', '-c', '1', '10.0.1.2']), /ttl=62 /);
    const traced = (ttl: number): string =>
      a.exec(['ping', '-n', '-c', '1', '-W', '2', '-t', String(ttl), '10.0.1.2'], { check: false });
    assert.match(traced(1), /From 10\.0\.0\.1 .*Time to live exceeded/);
    assert.match(traced(2), /From 169\.254\.254\.169 .*Time to live exceeded/);
    const large = a.exec(['ping', '-q', '-n', '-c', '3', '-i', '0.05', '-s', '8000', '10.0.1.2']);
    assert.deepEqual(pingCount(large), { sent: 3, received: 3 });
  });

  for (const reverse of [false, true]) {
    it(`TCP by iperf3${reverse ? ', reversed' : ''}: superframes cross whole`, async () => {
      const [sender, receiver] = reverse ? [tapB, tapA] : [tapA, tapB];
      const names = ['receive_packets', 'receive_wire_packets'].map((name) => [name, sender] as const);
      const look = async (): Promise<number[]> =>
        Promise.all([
          ...names.map(([name, tap]) => counter(name, tap)),
          counter('transmit_packets', receiver),
          counter('transmit_wire_packets', receiver),
          counter('receive_packets', 'rport1'),
          counter('transmit_packets', 'rport1'),
        ]);
      const was = await look();
      const server = b.spawn(['iperf3', '-s', '-1', '-p', String(PORT), '--forceflush']);
      let said = '';
      server.stdout?.on('data', (chunk: Buffer) => {
        said += chunk;
      });
      await until('iperf3 listens', 5000, () => /Server listening/.test(said));
      const command = ['iperf3', '-c', '10.0.1.2', '-p', String(PORT), '-t', '1', '-J', ...(reverse ? ['-R'] : [])];
      const result = JSON.parse(a.exec(command, { timeoutMs: 15_000 })) as { end: { sum_received: { bytes: number } } };
      const { bytes } = result.end.sum_received;
      assert.ok(bytes > 0);
      await until('the scrape is a new one', 2000, async () => ((await look())[0] as number) > (was[0] as number));
      const [frames = 0, wire = 0, sent = 0, sentWire = 0, came = 0, went = 0] = (await look()).map(
        (now, n) => now - (was[n] as number),
      );
      assert.ok(wire > 3 * frames, `${frames} frames in for ${wire} packets`);
      assert.ok(sentWire > 3 * sent, `${sent} frames out for ${sentWire} packets`);
      assert.ok(wire * SEGMENT >= bytes * 0.9, `${wire} packets for ${bytes} bytes`);
      assert.ok((reverse ? went : came) >= sent, 'by way of the rport');
      assert.equal(await metric('smrouter_books_segmented_total'), 0);
    });
  }

  it('a path through an rport with a smaller MTU is found: fragmentation needed, then it flows', async () => {
    await daemon.run('ifconfig', 'rport0', 'mtu', '1400');
    try {
      const big = a.exec(['ping', '-n', '-c', '1', '-W', '2', '-M', 'do', '-s', '1472', '10.0.1.2'], { check: false });
      assert.match(big, /From 10\.0\.0\.1 .*mtu = 1400/);
      const fits = a.exec(['ping', '-q', '-n', '-c', '1', '-W', '2', '-M', 'do', '-s', '1372', '10.0.1.2'], {
        check: false,
      });
      assert.deepEqual(pingCount(fits), { sent: 1, received: 1 });
      const cut = b.exec(['ping', '-q', '-n', '-c', '2', '-i', '0.05', '-M', 'dont', '-s', '3000', '10.0.0.2'], {
        check: false,
      });
      assert.deepEqual(pingCount(cut), { sent: 2, received: 2 }, 'replies are cut by the router');
    } finally {
      await daemon.run('ifconfig', 'rport0', 'mtu', '32768');
    }
  });

  it('the other domain is out of reach without the pair, and the loss is counted', async () => {
    await daemon.run('ifconfig', 'rport1', '-parent');
    const printed = a.exec(['ping', '-q', '-n', '-c', '3', '-i', '0.05', '-W', '1', '10.0.1.2'], { check: false });
    assert.deepEqual(pingCount(printed), { sent: 3, received: 0 });
    const rows = await daemon.json<{ interface: string; reason: string; frames: number }[]>('show', 'drops');
    assert.equal(rows.find((row) => row.interface === 'rport0' && row.reason === 'peer-down')?.frames, 3);
    await daemon.run('ifconfig', 'rport1', 'parent', 'rport0');
    const again = a.exec(['ping', '-q', '-n', '-c', '1', '-W', '2', '10.0.1.2'], { check: false });
    assert.deepEqual(pingCount(again), { sent: 1, received: 1 });
  });
});
