/**
 * `smrctl tcpdump` as an operator uses it: text, files and pipes, judged by tshark; errors; every way it ends.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Daemon } from '../support/daemon.js';
import { type Host, Lan } from '../support/hosts.js';
import { BIN, temporaryFolder, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const MS = 20_000;
const skip = skipReason.tun() || skipReason.program('tshark') || skipReason.program('tcpdump');

/** A tcpdump that runs. */
class Tcpdump {
  readonly child: ChildProcess;
  out = Buffer.alloc(0);
  err = '';
  readonly ended: Promise<number>;

  /** Resolves when it captures. `shell` is what its output is piped into, `path` where it finds programs. */
  static async start(daemon: Daemon, words: string, shell = '', path = process.env.PATH): Promise<Tcpdump> {
    const dump = new Tcpdump(daemon, words, shell, path);
    await until('listening', MS, () => dump.err.includes('listening on') || dump.child.exitCode !== null);
    return dump;
  }

  private constructor(daemon: Daemon, words: string, shell: string, path: string | undefined) {
    const command = `exec ${process.execPath} ${join(BIN, 'smrctl')} -s ${daemon.socket} tcpdump ${words}`;
    const line = shell === '' ? command : `(${command}) | ${shell}`;
    const env = { ...process.env, PATH: path };
    this.child = spawn('/bin/sh', ['-c', line], { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.out = Buffer.concat([this.out, chunk]);
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.ended = new Promise((resolve) => this.child.once('close', (code) => resolve(code ?? -1)));
  }

  /** Signals it and what it is piped into, as a terminal does. */
  signal(signal: NodeJS.Signals): void {
    process.kill(-(this.child.pid as number), signal);
  }

  /** The three numbers it ends with. */
  get counts(): number[] {
    const found = /(\d+) packets captured\n(\d+) packets received by filter\n(\d+) packets dropped/.exec(this.err);
    assert.ok(found !== null, this.err);
    return found.slice(1).map(Number);
  }
}

/** The fields that tshark reads from a capture, a line each. */
function tshark(input: string | Buffer, ...fields: string[]): string[] {
  let file = input;
  if (typeof file !== 'string') {
    file = join(temporaryFolder(), 'capture');
    writeFileSync(file, input);
  }
  const args = ['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
  const { stdout, stderr, status } = spawnSync('tshark', args);
  assert.equal(status, 0, stderr.toString());
  return stdout.toString().trimEnd().split('\n');
}

describe('smrctl tcpdump on a bridge', { skip }, () => {
  let lan: Lan;
  let pinging: ChildProcess;
  const hosts = (): [Host, Host] => lan.hosts as unknown as [Host, Host];

  before(async () => {
    lan = await Lan.start('dump', { hosts: 2 });
    const [from, to] = hosts();
    assert.ok(lan.ping(from, to.v4).received > 0);
    const command = ['netns', 'exec', from.netns.name, 'ping', '-q', '-n', '-i', '0.05', to.v4];
    pinging = spawn('ip', command, { stdio: 'ignore' });
  });
  after(async () => {
    pinging?.kill('SIGKILL');
    assert.equal(await lan?.stop(), 0);
  });

  it('prints text, and stops after as many packets as asked for', async () => {
    const dump = await Tcpdump.start(lan.daemon, `-c4 -eni ${hosts()[0].tap} icmp`);
    assert.equal(await dump.ended, 0, dump.err);
    const lines = dump.out.toString().trimEnd().split('\n');
    assert.equal(lines.length, 4);
    const [from, to] = hosts();
    const request = new RegExp(`${lan.mac(from)} > ${lan.mac(to)}, ethertype IPv4 .* ${from.v4} > ${to.v4}: ICMP echo`);
    assert.ok(
      lines.some((line) => request.test(line)),
      lines[0],
    );
    assert.equal(dump.counts[0], 4);
    assert.ok((dump.counts[1] as number) >= 4 && dump.counts[2] === 0);
    assert.match(dump.err, new RegExp(`^listening on ${from.tap}, link-type EN10MB, snapshot length 262144 bytes\n`));
  });

  it('prints live by tshark where there is no tcpdump, all of it', async () => {
    const folder = temporaryFolder();
    symlinkSync(spawnSync('which', ['tshark']).stdout.toString().trim(), join(folder, 'tshark'));
    const dump = await Tcpdump.start(lan.daemon, `-c20 -ni ${hosts()[0].tap} icmp`, '', folder);
    await until('a packet before the last', MS, () => dump.out.includes('Echo (ping)'));
    assert.equal(dump.child.exitCode, null, 'it prints as it captures');
    assert.equal(await dump.ended, 0, dump.err);
    const [from, to] = hosts();
    const lines = dump.out.toString().trimEnd().split('\n');
    assert.equal(lines.length, 20);
    const request = new RegExp(`${from.v4} \\S+ ${to.v4} +ICMP 98 Echo \\(ping\\) request`);
    assert.ok(
      lines.some((line) => request.test(line)),
      lines[0],
    );
    assert.equal(dump.counts[0], 20);
  });

  it('writes pcapng with the name of the interface and nanoseconds, into a pipe that tshark reads live', async () => {
    const [, to] = hosts();
    const fields = '-T fields -e frame.interface_name -e frame.time_epoch -e frame.len -e icmp.type';
    const dump = await Tcpdump.start(lan.daemon, `-i ${to.tap} -D out -w - icmp`, `tshark -n -l -r - ${fields}`);
    await until('packets', MS, () => dump.out.toString().split('\n').length > 4);
    dump.signal('SIGTERM');
    await dump.ended;
    const rows = dump.out
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
    for (const [name, time = '', length, type] of rows.slice(0, 4)) {
      assert.deepEqual([name, length, type], [to.tap, '98', '8'], 'out of the second port go requests alone');
      assert.ok(Math.abs(Number(time) - Date.now() / 1000) < 10);
    }
    assert.ok(
      rows.some(([, time = '']) => !time.endsWith('000')),
      'not rounded to microseconds',
    );
  });

  it('writes a file: pcapng, and pcap where the name says so; snap length, link type', async () => {
    const folder = temporaryFolder();
    for (const name of ['x.pcapng', 'x.pcap']) {
      const file = join(folder, name);
      const dump = await Tcpdump.start(lan.daemon, `-i veb0 -s64 -c 3 -w ${file} icmp`);
      assert.equal(await dump.ended, 0, dump.err);
      assert.equal(readFileSync(file).readUInt32LE(0), name === 'x.pcap' ? 0xa1b23c4d : 0x0a0d0d0a);
      const rows = tshark(file, 'frame.encap_type', 'frame.len', 'frame.cap_len', 'frame.protocols');
      assert.deepEqual(rows, Array(3).fill('1\t98\t64\teth:ethertype:ip:icmp:data'));
    }
  });

  it('ends with SIGINT, and says how many there were; the text is whole', async () => {
    const dump = await Tcpdump.start(lan.daemon, `-ni veb0 icmp`);
    await until('text', MS, () => dump.out.toString().split('\n').length > 3);
    dump.signal('SIGINT');
    assert.equal(await dump.ended, 0);
    assert.equal(dump.out.toString().trimEnd().split('\n').length, dump.counts[0]);
    assert.equal(dump.counts[2], 0);
  });

  it('ends when its reader has seen enough', async () => {
    const dump = await Tcpdump.start(lan.daemon, `-lni veb0 icmp`, 'head -1');
    assert.equal(await dump.ended, 0);
    assert.equal(dump.out.toString().split('\n').length, 2);
    await until('no capture', MS, async () => (await lan.daemon.json<unknown[]>('show', 'captures')).length === 0);
  });

  it('a client that is killed takes its capture with it', async () => {
    const dump = await Tcpdump.start(lan.daemon, `-i veb0 -w -`);
    assert.equal((await lan.daemon.json<unknown[]>('show', 'captures')).length, 1);
    dump.signal('SIGKILL');
    await until('no capture', MS, async () => (await lan.daemon.json<unknown[]>('show', 'captures')).length === 0);
  });

  it('several at a time see the same packets, each by its own filter', async () => {
    // The one without an end comes first, so that it sees what the others see.
    const none = await Tcpdump.start(lan.daemon, `-i veb0 -w - tcp`);
    const all = await Tcpdump.start(lan.daemon, `-i veb0 -w - -c 20`);
    const requests = await Tcpdump.start(lan.daemon, `-i veb0 -w - -c 5 'icmp[0] = 8'`);
    assert.deepEqual(await Promise.all([all.ended, requests.ended]), [0, 0]);
    none.signal('SIGINT');
    await none.ended;
    assert.deepEqual([...new Set(tshark(requests.out, 'icmp.type'))], ['8']);
    assert.ok(new Set(tshark(all.out, 'icmp.type')).size > 1);
    assert.equal(none.counts[0], 0);
    assert.ok((none.counts[1] as number) > 0, 'received counts what does not match');
  });

  it('fildrop capture takes what it matches, as long as it runs', async () => {
    const [from, to] = hosts();
    const dump = await Tcpdump.start(lan.daemon, `-i veb0 -B fildrop=capture -w - icmp6`);
    assert.equal(lan.ping(from, to.v6, '-c', '2', '-i', '0.1', '-W', '1').received, 0);
    dump.signal('SIGINT');
    await dump.ended;
    assert.ok((dump.counts[0] as number) > 0);
    assert.ok(lan.ping(from, to.v6).received > 0);
  });

  it('errors: their words and errno, exit 1, and no file', async () => {
    const { tap } = hosts()[0];
    const file = join(temporaryFolder(), 'none');
    for (const [words, message] of [
      ['-i nix0', 'nix0: no such interface (ENXIO)'],
      [`-i ${tap} -y LOOP`, `${tap}: link type LOOP is not EN10MB (EINVAL)`],
      [`-i ${tap} -w ${file} 'ip hots 3'`, "filter: can't parse filter expression: syntax error (EINVAL)"],
      ['-n', 'interface missing: -i IF (EINVAL)'],
      [`-i ${tap} -w ${file}/none`, '(ENOENT)'],
    ] as const) {
      const dump = await Tcpdump.start(lan.daemon, words);
      assert.equal(await dump.ended, 1, words);
      assert.match(dump.err, /^smrctl: tcpdump /m);
      assert.ok(dump.err.trimEnd().endsWith(message), dump.err);
    }
    assert.equal(existsSync(file), false);
    assert.deepEqual(await lan.daemon.json<unknown[]>('show', 'captures'), []);
  });

  it('ends when its interface is destroyed (ENXIO), and when the daemon leaves', async () => {
    await lan.daemon.run('ifconfig', 'mem7', 'create', 'up');
    const gone = await Tcpdump.start(lan.daemon, '-i mem7 -w -');
    await lan.daemon.run('ifconfig', 'mem7', 'destroy');
    assert.equal(await gone.ended, 1);
    assert.match(gone.err, /mem7: the interface has left \(ENXIO\)\n$/);
    await lan.daemon.books();
    const last = await Tcpdump.start(lan.daemon, '-i veb0 -w -');
    const status = lan.daemon.stop();
    assert.equal(await status, 0);
    await last.ended;
    assert.ok(tshark(last.out, 'frame.len').length > 0, 'a whole file');
  });
});

describe('smrctl tcpdump on an rport', { skip }, () => {
  let daemon: Daemon;

  before(async () => {
    daemon = await Daemon.start({
      config: [
        'ifconfig rport0 create inet 169.254.0.1 169.254.0.2 inet6 fd00::1 fd00::2 up',
        'ifconfig rport1 create rdomain 1 inet 169.254.0.2 169.254.0.1 inet6 fd00::2 fd00::1 up',
        'ifconfig rport0 parent rport1',
      ],
    });
  });
  after(async () => assert.equal(await daemon?.stop(), 0));

  it('A107 its packets are LOOP to tshark: IPv4 and IPv6 by the family in front, both directions', async () => {
    const dump = await Tcpdump.start(daemon, '-i rport0 -c 4 -w - icmp or icmp6');
    await daemon.run('ping', '-c', '1', '169.254.0.2');
    await daemon.run('ping', '-c', '1', 'fd00::2');
    assert.equal(await dump.ended, 0, dump.err);
    assert.match(dump.err, /^listening on rport0, link-type LOOP,/);
    const rows = tshark(dump.out, 'frame.protocols', 'null.family', 'ip.src', 'ipv6.src', 'icmp.type', 'icmpv6.type');
    const kinds = rows.map((row) => row.split('\t'));
    const pings = kinds.filter(
      ([, , , , four, six]) => ['8', '0'].includes(four ?? '') || ['128', '129'].includes(six ?? ''),
    );
    assert.ok(pings.length >= 2, JSON.stringify(kinds));
    for (const [protocols = '', family, v4, v6] of pings) {
      assert.match(protocols, /^null:(ip:icmp|ipv6:icmpv6)/);
      assert.equal(Number(family), v4 === '' ? 24 : 2);
      assert.match(`${v4}${v6}`, /^(169\.254\.0\.[12]|fd00::[12])$/);
    }
  });
});

describe('smrctl tcpdump on an erspan', { skip }, () => {
  let lan: Lan;

  before(async () => {
    lan = await Lan.start('dump', {
      hosts: 2,
      lines: [
        'ifconfig vport0 create inet 198.18.0.254/24 up',
        'ifconfig veb0 add vport0',
        'ifconfig erspan0 create tunnel 198.18.0.254 198.18.0.2 vnetid 11 up',
        'ifconfig veb0 addspan erspan0',
      ],
    });
  });
  after(async () => assert.equal(await lan?.stop(), 0));

  it('A119 the same mirrored frame as EN10MB alone, as LOOP with family and outer packet, as RAW without the family', async () => {
    const [from, to] = lan.hosts as unknown as [Host, Host];
    // Pings alone: what hosts say of themselves is mirrored too. Inside ERSPAN the ICMP header is 70 bytes into the packet.
    const echo = (at: string): string => `'(${at} = 0 or ${at} = 8)`;
    const outer = `${echo('ip[70]')} and ip[59] = 1 and ip proto 47'`;
    const filters = { EN10MB: `${echo('icmp[0]')}'`, LOOP: outer, RAW: outer };
    const dumps: Tcpdump[] = [];
    for (const [type, filter] of Object.entries(filters)) {
      dumps.push(await Tcpdump.start(lan.daemon, `-i erspan0 -y ${type} -D out -c 6 -w - ${filter}`));
    }
    // The first frames wait for the collector's address.
    await until('six packets each', MS, () => {
      lan.ping(from, to.v4, '-c', '2', '-i', '0.1');
      return dumps.every(({ child }) => child.exitCode !== null);
    });
    const protocols = [];
    for (const dump of dumps) {
      assert.equal(await dump.ended, 0, dump.err);
      protocols.push(tshark(dump.out, 'frame.protocols'));
    }
    const [inner, loop, raw] = protocols as [string[], string[], string[]];
    assert.ok(inner.includes('eth:ethertype:ip:icmp:data'), inner.join(' '));
    assert.ok(loop.includes('null:ip:gre:erspan:eth:ethertype:ip:icmp:data'), loop.join(' '));
    assert.ok(raw.includes('raw:ip:gre:erspan:eth:ethertype:ip:icmp:data'), raw.join(' '));
    const [, family] = (tshark((dumps[1] as Tcpdump).out, 'null.family', 'erspan.spanid')[0] ?? '')
      .split('\t')
      .reverse();
    assert.equal(Number(family), 2);
  });
});
