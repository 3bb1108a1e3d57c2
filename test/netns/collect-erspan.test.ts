/**
 * docs/collect-erspan.md, run as it stands: its configuration, its commands, and a switch that mirrors an HSRP hello in VLAN 33 with session
 * 11, as in the seed's example. The frame shows on a link of the host, whole.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { splitWords } from '../../src/main/config/lines.js';
import { Daemon } from '../support/daemon.js';
import { hsrpHello, typeTwo } from '../support/erspan.js';
import { Netns } from '../support/netns.js';
import { temporaryFolder, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const PAGE = readFileSync(new URL('../../../docs/collect-erspan.md', import.meta.url), 'utf8');
const skip =
  skipReason.root() ||
  skipReason.tun() ||
  skipReason.program('python3') ||
  skipReason.program('tshark') ||
  skipReason.program('tcpdump');

/** Lines of the page's fenced blocks of a language. */
function blocks(language: string): string[] {
  const found = [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))];
  assert.ok(found.length > 0, language);
  return found.flatMap((match) => (match[1] as string).split('\n').filter((line) => line !== ''));
}

/** Sends GRE as the kernel of a namespace: raw sockets are not Node's. */
const SEND =
  'import socket,sys\ns=socket.socket(2,3,47)\nfor h in sys.argv[2:]: s.sendto(bytes.fromhex(h),(sys.argv[1],0))';

test('docs/collect-erspan.md runs as it stands, and the mirrored frame arrives', { skip }, async () => {
  const daemon = await Daemon.start({ config: blocks('conf'), workers: 1 });
  const [far, tools] = [Netns.create('switch'), Netns.create('tools')];
  try {
    await daemon.run('ifconfig', 'tap0', 'netns', far.name);
    far.exec(['ip', 'address', 'add', '192.0.2.2/24', 'dev', 'tap0']);
    far.exec(['ip', 'link', 'set', 'tap0', 'up']);
    const send = (...sequences: number[]): void => {
      const packets = sequences.map((sequence) => typeTwo(hsrpHello(), { session: 11, sequence, word0: 0x10211800 }));
      far.exec(['python3', '-c', SEND, '192.0.2.1', ...packets.map((bytes) => Buffer.from(bytes).toString('hex'))]);
    };
    send(0);
    const seen = `{interface="erspan0",source="192.0.2.2",session="11"}`;
    const metric = async (name: string): Promise<number> => (await daemon.metrics()).get(`${name}${seen}`) ?? 0;
    await until('the first packet', 5000, async () => (await metric('smrouter_erspan_packets_total')) === 1);
    const outer = join(temporaryFolder(), 'outer.pcap');
    const [, live = ''] = blocks('console');
    const watching = daemon.ctl(...splitWords(live.replace('outer.pcap', outer)).slice(1));
    await until('the capture', 10_000, async () => (await daemon.run('show', 'captures')).includes('erspan0'));
    send(1);
    assert.equal((await watching).status, 0);
    const fields = ['-T', 'fields', '-E', 'occurrence=f', '-e', 'ip.src', '-e', 'erspan.spanid', '-e', 'erspan.vlan'];
    const read = execFileSync('tshark', ['-r', outer, ...fields], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    assert.equal(read.trim(), '192.0.2.2\t11\t33');
    for (const line of blocks('sh')) {
      const [program, ...words] = splitWords(line);
      assert.equal(program, 'smrctl');
      const { status, stderr } = await daemon.ctl(...words);
      assert.equal(status, 0, `${line}: ${stderr}`);
    }
    assert.match(await daemon.run('ifconfig', 'erspan0'), /tunnel: inet 192\.0\.2\.1 --> 192\.0\.2\.2 ttl 64 nodf/);
    await daemon.run('ifconfig', 'tap1', 'netns', tools.name);
    tools.exec(['ip', 'link', 'set', 'tap1', 'up']);
    const dump = tools.spawn(['tcpdump', '-l', '-n', '-e', '-i', 'tap1', '-c', '1', 'vlan', '33']);
    let said = '';
    for (const stream of [dump.stdout, dump.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
    }
    await until('tcpdump listens', 10_000, () => said.includes('listening'));
    send(2, 4);
    await until('the frame', 5000, () => said.includes('HSRP'));
    assert.match(said, /vlan 33.*10\.0\.33\.2\.1985 > 224\.0\.0\.2\.1985: HSRPv0-hello/);
    assert.equal(await metric('smrouter_erspan_lost_packets'), 1);
    assert.equal(await metric('smrouter_erspan_packets_total'), 4);
    await daemon.books();
  } finally {
    await daemon.stop();
    for (const netns of [far, tools]) netns.destroy();
  }
});
