/**
 * `smrouterd --takeover`: one daemon takes another's place while TCP connections run; TAPs never go down, AF_PACKET sockets stay what they are.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Daemon } from '../support/daemon.js';
import { Netns } from '../support/netns.js';
import { runProgram, temporaryFolder, uniqueTap, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';
import { makeVeth, type Veth } from '../support/veth.js';

const PORT = 5210;

/** Counts the bytes of one connection to its end and prints them. */
const RECEIVER = `
let bytes = 0;
require('node:net').createServer((socket) => {
  socket.on('data', (chunk) => { bytes += chunk.length; });
  socket.on('end', () => { console.log('end', bytes); process.exit(); });
}).listen(${PORT}, () => console.log('listening'));
`;

/** Sends 64 KiB every 5 ms until its input ends; then prints how much that was. */
const SENDER = `
const socket = require('node:net').connect(${PORT}, process.argv[1]);
let bytes = 0;
const data = Buffer.alloc(65536, 7);
const timer = setInterval(() => { bytes += data.length; socket.write(data); }, 5);
process.stdin.on('data', () => { clearInterval(timer); socket.end(() => console.log('sent', bytes)); process.stdin.destroy(); });
`;

describe('a daemon that takes over', { skip: skipReason.tun() }, () => {
  const hosts = [Netns.create('take'), Netns.create('take')];
  const taps = [uniqueTap(), uniqueTap()];
  const here = uniqueTap();
  const folder = temporaryFolder();
  const socket = join(folder, 'sock');
  const config = [
    'ifconfig veb0 create up',
    ...taps.flatMap((tap, n) => [`ifconfig ${tap} create netns ${hosts[n]?.name} up`, `ifconfig veb0 add ${tap}`]),
    'ifconfig vport0 create inet 198.18.0.254/24 up',
    'ifconfig veb0 add vport0',
    `ifconfig ${here} create up`,
  ];
  const options = { config, socket, workers: 1 };
  let old: Daemon;
  let next: Daemon | undefined;
  /** A host whose link is attached through AF_PACKET. */
  const wired = Netns.create('take');
  let wire: Veth;

  before(async () => {
    wire = makeVeth(wired);
    wired.exec(['ip', 'address', 'add', '198.18.0.3/24', 'dev', wire.name]);
    config.push(`ifconfig ${wire.name} attach packet mtu 1400 up`, `ifconfig veb0 add ${wire.name}`);
    old = await Daemon.start(options);
    hosts.forEach((host, n) => {
      host.exec(['ip', 'address', 'add', `198.18.0.${n + 1}/24`, 'dev', taps[n] as string]);
      host.exec(['ip', 'link', 'set', taps[n] as string, 'up']);
    });
  });
  after(async () => {
    await next?.stop();
    await old?.stop();
    for (const host of [...hosts, wired]) host.destroy();
  });

  /** The kernel's numbers of the packet sockets on the attached link, and of the programs that keep frames from the host's stack. */
  const sockets = () => {
    const index = readFileSync(`/sys/class/net/${wire.name}/ifindex`, 'utf8').trim();
    const rows = readFileSync('/proc/net/packet', 'utf8').trim().split('\n').slice(1);
    return rows.map((row) => row.trim().split(/\s+/)).flatMap((row) => (row[4] === index ? [row[8]] : []));
  };
  /** The attached link: whether it is up, and its MTU. */
  const link = () => {
    const [up = 0, mtu] = ['flags', 'mtu'].map((word) =>
      Number(readFileSync(`/sys/class/net/${wire.name}/${word}`, 'utf8')),
    );
    return { up: (up & 1) === 1, mtu };
  };

  /** How often each host's end went up or down. */
  const carriers = () => hosts.map((host, n) => host.exec(['cat', `/sys/class/net/${taps[n]}/carrier_changes`]).trim());
  const learned = async (daemon: Daemon) =>
    (await daemon.run('ifconfig', 'veb0', 'addr'))
      .split('\n')
      .map((line) => line.split(' ').slice(0, 2).join(' '))
      .sort();
  const lladdr = async (daemon: Daemon) => (await daemon.json<[{ lladdr: string }]>('ifconfig', 'vport0'))[0].lladdr;

  it('one that does not fit changes nothing: other workers, another namespace, nobody there', async () => {
    const refused = async (lines: readonly string[], ...args: string[]) => {
      const file = join(folder, 'other.conf');
      writeFileSync(file, lines.join('\n'));
      const words = ['-f', file, '-s', socket, '-m', '127.0.0.1:0', '--takeover', ...args];
      const { status, stderr } = await runProgram('smrouterd', words);
      assert.equal(status, 1);
      return stderr;
    };
    assert.match(await refused(config, '-w', '2'), /the running smrouterd has 1 workers; start this one with -w 1/);
    const moved = config.map((line) => line.replace(hosts[0]?.name as string, hosts[1]?.name as string));
    assert.match(await refused(moved, '-w', '1'), /is in namespace .*, and the configuration wants/);
    assert.match(
      await refused(config, '-w', '1', '-s', join(folder, 'absent')),
      /absent: no smrouterd answers there \(ENOENT\)/,
    );
    assert.match(hosts[0]?.exec(['ping', '-c', '1', '-W', '2', '198.18.0.2']) ?? '', / 0% packet loss/);
  });

  it('forwards on: TAPs stay up, connections live, what was known is known', async (t) => {
    const [from, to] = hosts as [Netns, Netns];
    const receiver = to.spawn([process.execPath, '-e', RECEIVER]);
    let got = '';
    receiver.stdout?.on('data', (chunk: Buffer) => {
      got += chunk;
    });
    await until('the receiver listens', 5000, () => got.includes('listening'));
    const sender = from.spawn([process.execPath, '-e', SENDER, '198.18.0.2']);
    let sent = '';
    sender.stdout?.on('data', (chunk: Buffer) => {
      sent += chunk;
    });
    const pings = from.spawn(['ping', '-D', '-i', '0.005', '198.18.0.254']);
    let answers = '';
    pings.stdout?.on('data', (chunk: Buffer) => {
      answers += chunk;
    });
    await until('echoes', 5000, () => answers.split('\n').length > 50);
    // An echo that waits for the next one is late; the ring has room for five seconds of them.
    const wiredPings = wired.spawn(['ping', '-i', '0.02', '-W', '10', '198.18.0.1']);
    let wiredAnswers = '';
    wiredPings.stdout?.on('data', (chunk: Buffer) => {
      wiredAnswers += chunk;
    });
    await until('echoes over the packet port', 5000, () => wiredAnswers.split('\n').length > 10);
    const wiredCarrier = () => wired.exec(['cat', `/sys/class/net/${wire.name}/carrier_changes`]).trim();
    const [up, known, ours] = [carriers(), await learned(old), await lladdr(old)];
    const before = { sockets: sockets(), carrier: wiredCarrier() };
    assert.equal(before.sockets.length, 1);

    next = await Daemon.start({ ...options, args: ['--takeover'] });
    assert.equal(await old.exited(), 0);
    assert.match(old.find('leaving')?.why as string, /takeover/);
    assert.deepEqual(old.complaints(), []);
    const seen = answers.length;
    await until('echoes of the new one', 5000, () => answers.slice(seen).split('\n').length > 50);

    assert.deepEqual(carriers(), up, 'no end went down');
    assert.deepEqual({ sockets: sockets(), carrier: wiredCarrier() }, before, 'the packet socket is the one that was');
    const heard = wiredAnswers.length;
    await until('echoes over the packet port', 5000, () => wiredAnswers.slice(heard).split('\n').length > 20);
    const echoes = [...wiredAnswers.matchAll(/icmp_seq=(\d+) ttl/g)].map(([, seq]) => Number(seq));
    const wrong = echoes.filter((seq, n) => seq !== (echoes[n - 1] ?? 0) + 1);
    assert.deepEqual(wrong, [], 'none is lost, comes twice, or too late');
    assert.deepEqual(await learned(next), known);
    assert.equal(await lladdr(next), ours, 'hosts have that address in their tables');
    sender.stdin?.write('end\n');
    await until('both ends of the connection agree', 10_000, () => got.includes('end') && sent.includes('sent'));
    const [, bytes = ''] = /end (\d+)/.exec(got) ?? [];
    assert.equal(/sent (\d+)/.exec(sent)?.[1], bytes);
    const times = [...answers.matchAll(/^\[(\d+\.\d+)\]/gm)].map((m) => Number(m[1]));
    const gaps = times.slice(1).map((time, n) => time - (times[n] as number));
    t.diagnostic(`longest time between two echoes: ${Math.round(1000 * Math.max(...gaps))} ms`);
    t.diagnostic(`${bytes} bytes over the connection`);
    await next.books();
    assert.deepEqual(next.complaints(), []);
  });

  it('the one that took over is one like any other: it can be taken over, and stopped', async () => {
    const third = await Daemon.start({
      ...options,
      // A TAP less, and one and the attached link set down.
      config: config
        .filter((line) => !line.includes(here))
        .map((line) => (line.includes(`${taps[1]} create`) ? line.replace(' up', '') : line))
        .map((line) => line.replace('mtu 1400 up', '')),
      args: ['--takeover'],
    });
    assert.equal(await next?.exited(), 0);
    next = third;
    await until('a TAP that it has no use for is gone', 2000, async () => {
      const links = await runProgram('smrctl', ['-s', socket, 'show', 'running']);
      return !links.stdout.includes(here);
    });
    assert.match(hosts[1]?.exec(['cat', `/sys/class/net/${taps[1]}/carrier`]) ?? '', /^0/);
    assert.deepEqual(link(), { up: false, mtu: 1500 });
    await third.run('ifconfig', taps[1] as string, 'up');
    await third.run('ifconfig', wire.name, 'up');
    assert.match(wired.exec(['ping', '-c', '2', '-i', '0.2', '-W', '2', '198.18.0.2']), / 0% packet loss/);
    assert.match(hosts[0]?.exec(['ping', '-c', '2', '-i', '0.2', '-W', '2', '198.18.0.2']) ?? '', / 0% packet loss/);
    assert.equal(await third.stop(), 0);
    const left = hosts.map((host, n) => host.exec(['ip', '-br', 'link']).includes(taps[n] as string));
    assert.deepEqual(left, [false, false]);
    assert.deepEqual(
      { ...link(), sockets: sockets() },
      { up: true, mtu: 1500, sockets: [] },
      'the link is as it was found',
    );
  });
});
