/**
 * Matrix A, what an operator sees of a bridge: the errors of spec A §1.10 by message and errno, the display of §1.10 and §1.15,
 * and a running configuration that gives the same state again. Through `runCommand`, as smrctl and smrouterd come in.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readConfig, runCommand } from '../../src/main/cli/command.js';
import { splitWords } from '../../src/main/config/lines.js';
import type { ControlError } from '../../src/main/errors.js';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { Router } from '../../src/main/router.js';
import { total } from '../../src/shared/counter/books.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { BROADCAST, frame } from '../support/rig.js';
import { smallSizes } from '../support/stations.js';
import { silent, waitUntil } from '../support/stress.js';

const NO_DAEMON = { reload: async (): Promise<void> => {}, shutdown: (): void => {} };

let router: Router;

function start(): Promise<Router> {
  return Router.start({ workers: 1, kernelTaps: false, poison: true, sizes: smallSizes(2), log: silent });
}

/** Runs one command. */
function run(line: string, files: Record<string, string> = {}): Promise<string> {
  return runCommand(router, splitWords(line), false, NO_DAEMON, files);
}

async function values<T>(line: string): Promise<T> {
  return JSON.parse(await runCommand(router, splitWords(line), true, NO_DAEMON)) as T;
}

const NAME16 = 'mem1234567890123';

/** mem0 and mem1 are ports of veb0, mem2 its span port; mem3 is a port of veb1; mem4 is free. */
const SETTING = [
  ...[0, 1, 2, 3, 4].map((n) => `ifconfig mem${n} create up`),
  'ifconfig veb0 create up add mem0 add mem1 addspan mem2',
  'ifconfig veb1 create up add mem3',
  'ifconfig veb0 maxaddr 2 static mem0 02:00:00:00:00:01',
  'ifconfig veb0 protected mem0 3,4',
  'ifconfig veb0 rule block in on mem0 src 2:0:0:0:0:7',
];

/** Words after `ifconfig`, the message and the errno. */
const REFUSALS: readonly (readonly [string, string])[] = [
  ...(['add', 'addspan'] as const).flatMap((word) => [
    [`veb0 ${word}`, 'port missing (EINVAL)'] as const,
    [`veb0 ${word} mem9`, 'mem9: no such interface (EINVAL)'] as const,
    [`veb0 ${word} ${NAME16}`, `${NAME16}: longer than 15 characters (EINVAL)`] as const,
    [`veb0 ${word} veb1`, 'veb1: not an Ethernet interface (EPROTONOSUPPORT)'] as const,
    [`veb0 ${word} veb0`, 'veb0: not an Ethernet interface (EPROTONOSUPPORT)'] as const,
    [`veb0 ${word} mem0`, 'mem0: already a port of veb0 (EBUSY)'] as const,
    [`veb0 ${word} mem2`, 'mem2: already a port of veb0 (EBUSY)'] as const,
    [`veb0 ${word} mem3`, 'mem3: already a port of veb1 (EBUSY)'] as const,
    [`mem4 ${word} mem0`, 'mem4: not a bridge (ENOTTY)'] as const,
  ]),
  ['veb0 del', 'port missing (EINVAL)'],
  ['veb0 del mem2', 'mem2: not a port of veb0 (EINVAL)'],
  ['veb0 del mem3', 'mem3: not a port of veb0 (EINVAL)'],
  ['veb0 del mem9', 'mem9: not a port of veb0 (EINVAL)'],
  ['veb0 delspan', 'port missing (EINVAL)'],
  ['veb0 delspan mem0', 'mem0: not a span port of veb0 (EINVAL)'],
  ['veb1 delspan mem2', 'mem2: not a span port of veb1 (EINVAL)'],
  ['mem4 del mem0', 'mem4: not a bridge (ENOTTY)'],
  ['mem4 delspan mem2', 'mem4: not a bridge (ENOTTY)'],
  ...['learn', '-learn', 'discover', '-discover', 'blocknonip', '-blocknonip', '-protected', 'flushrule'].flatMap(
    (word) => [
      [`veb0 ${word}`, 'port missing (EINVAL)'] as const,
      [`veb0 ${word} mem2`, 'mem2: not a port of veb0 (ESRCH)'] as const,
      [`veb0 ${word} mem3`, 'mem3: not a port of veb0 (ESRCH)'] as const,
      [`veb0 ${word} mem9`, 'mem9: not a port of veb0 (ESRCH)'] as const,
      [`mem4 ${word} mem0`, 'mem4: not a bridge (ENOTTY)'] as const,
    ],
  ),
  ['veb0 protected mem2 1', 'mem2: not a port of veb0 (ESRCH)'],
  ['veb0 protected mem9 0', 'mem9: not a port of veb0 (ESRCH)'],
  ['veb0 protected mem0', 'protected domains missing (EINVAL)'],
  ...['0', '32', '1,32', '1,', ',1', '1-3', '-1', 'x', '1,,2', '0x1', '1e0'].map(
    (list) => [`veb0 protected mem0 ${list}`, `${list}: not a list of domains 1 to 31 (EINVAL)`] as const,
  ),
  ['mem4 protected mem0 1', 'mem4: not a bridge (ENOTTY)'],
  ['veb0 rule', 'invalid rule (EINVAL)'],
  ['veb0 rule block', 'invalid rule: block  (EINVAL)'],
  ['veb0 rule allow on mem0', 'invalid rule: allow on mem0  (EINVAL)'],
  ['veb0 rule block sideways on mem0', 'invalid rule: block sideways on mem0  (EINVAL)'],
  ['veb0 rule block on mem0 up', 'invalid rule: block on mem0 up  (EINVAL)'],
  ['veb0 rule block on mem0 src 1', 'invalid address: 1 (EINVAL)'],
  ['veb0 rule block on mem2', 'mem2: not a port of veb0 (ESRCH)'],
  ['veb0 rule match on mem3', 'mem3: not a port of veb0 (ESRCH)'],
  ['veb0 rule pass on mem9', 'mem9: not a port of veb0 (ESRCH)'],
  ['mem4 rule block on mem0', 'mem4: not a bridge (ENOTTY)'],
  ['veb0 rulefile', 'file missing (EINVAL)'],
  ['veb0 rulefile -f', 'file missing (EINVAL)'],
  ['veb0 rulefile nowhere', 'nowhere: not sent along (ENOENT)'],
  ['mem4 rulefile good', 'mem4: not a bridge (ENOTTY)'],
  ['veb0 rulefile bad', 'invalid rule: 3: block on \ninvalid rule: 4: x  (EINVAL)'],
  ['veb0 rulefile -f bad', 'invalid rule: 3: block on \ninvalid rule: 4: x  (EINVAL)'],
  ['veb0 rulefile elsewhere', 'mem3: not a port of veb0 (ESRCH)'],
  ['veb0 rulefile -f elsewhere', 'mem3: not a port of veb0 (ESRCH)'],
  ['veb0 static mem2 2:0:0:0:0:5', 'mem2: not a port of veb0 (ESRCH)'],
  ['veb0 static mem0 1', '1: not a MAC address (EINVAL)'],
  ['veb0 static mem0 1:0:0:0:0:0', '1:0:0:0:0:0: not the address of one station (EADDRNOTAVAIL)'],
  ['veb0 static mem1 2:0:0:0:0:1', '02:00:00:00:00:01: already a static address of mem0 (EADDRINUSE)'],
  ['veb0 static mem0 2:0:0:0:0:2 static mem0 2:0:0:0:0:3', 'veb0: all 2 addresses are static (ENOSPC)'],
  ['mem4 static mem0 2:0:0:0:0:2', 'mem4: not a bridge (ENOTTY)'],
  ['veb0 deladdr', 'address missing (EINVAL)'],
  ['veb0 deladdr x', 'x: not a MAC address (EINVAL)'],
  ['veb0 deladdr 2:0:0:0:0:9', '02:00:00:00:00:09: no such address (ESRCH)'],
  ['veb1 deladdr 2:0:0:0:0:1', '02:00:00:00:00:01: no such address (ESRCH)'],
  ['mem4 deladdr 2:0:0:0:0:1', 'mem4: not a bridge (ENOTTY)'],
  ['veb0 maxaddr 0', 'maxaddr 0 is not between 1 and 1048576 (EINVAL)'],
  ['veb0 maxaddr 1048577', 'maxaddr 1048577 is not between 1 and 1048576 (EINVAL)'],
  ['veb0 maxaddr', 'maxaddr missing (EINVAL)'],
  ['mem4 maxaddr 9', 'mem4: not a bridge (ENOTTY)'],
  ['veb0 timeout 7', 'timeout 7 is not between 8 and 3600 (EINVAL)'],
  ['veb0 timeout 3601', 'timeout 3601 is not between 8 and 3600 (EINVAL)'],
  ['mem4 timeout 9', 'mem4: not a bridge (ENOTTY)'],
  ['mem4 flush', 'mem4: not a bridge (ENOTTY)'],
  ['mem4 flushall', 'mem4: not a bridge (ENOTTY)'],
  ['mem4 addr', 'mem4: not a bridge (ENOTTY)'],
  ['veb0 rdomain 253', 'rdomain 253 is not between 0 and 252 (EINVAL)'],
  ['veb0 tso', 'a veb has no offloads (ENOTTY)'],
  ['veb0 mtu 1500', 'a veb has no mtu (ENOTTY)'],
  ['veb9 add mem4', 'veb9: no such interface (ENXIO)'],
  ['veb9 addspan mem4', 'veb9: no such interface (ENXIO)'],
];

const FILES = {
  good: 'pass on mem1\n',
  bad: '# one\nblock on mem0\nblock on\nx\npass on mem1\n',
  elsewhere: 'block on mem1\nblock on mem3\n',
};

describe('A47 A48 A58 A60 A78 A84 A90 what is refused, and that nothing has changed', () => {
  before(async () => {
    router = await start();
    for (const line of SETTING) await run(line);
  });
  after(() => router.stop());

  for (const [line, message] of REFUSALS) {
    it(`"${line}": ${message.replaceAll('\n', ' ')}`, async () => {
      const seen = async (): Promise<string[]> => [await run('show running'), await run('ifconfig veb0')];
      const was = await seen();
      const refused = async (words: string): Promise<void> => {
        const { message, code } = await run(words, FILES).then(
          () => assert.fail(`${words} was done`),
          (error: ControlError) => error,
        );
        assert.equal(`${message} (${code})`, expected, words);
        assert.deepEqual(await seen(), was, words);
      };
      const expected = message;
      await refused(`ifconfig ${line}`);
      // All or none: neither are what stands before it in the same command.
      const [name, ...words] = line.split(' ');
      if (words[0] === 'addr' || name === 'veb9' || line.includes('ENOSPC')) return;
      const before = name === 'mem4' ? 'mtu 900' : 'link2 timeout 99 learn mem1 -learn mem1 rdomain 9';
      if (name !== 'veb1') await refused(`ifconfig ${name} ${before} ${words.join(' ')}`);
    });
  }
});

const CONFIGURED = [
  'ifconfig mem0 create up rdomain 7 -tso',
  'ifconfig mem1 create up -txcsum',
  'ifconfig mem2 create up',
  'ifconfig veb0 create up description "the lab" rdomain 5 link0 link1 maxaddr 50 timeout 120',
  'ifconfig mem3 create up',
  'ifconfig mem4 create',
  'ifconfig veb0 addspan mem3 add mem2 add mem0 addspan mem4 add mem1',
  'ifconfig veb0 -learn mem1 -discover mem1 blocknonip mem0',
  'ifconfig veb0 protected mem0 31,1,7 protected mem1 2',
  'ifconfig veb0 rule block on mem0 src 2:0:0:0:0:f dst ff:ff:ff:ff:ff:ff',
  'ifconfig veb0 rule pass in on mem0 tag blue arp request sha 2:0:0:0:0:1 tha 2:0:0:0:0:2 spa 10.0.0.1 tpa 10.0.0.2',
  'ifconfig veb0 rule match out on mem1 rarp reply tag red',
  'ifconfig veb0 rule pass in/out on mem1',
  'ifconfig veb0 static mem1 2:0:0:0:0:b static mem0 2:0:0:0:0:a',
];

const DISPLAY = `veb0: flags=b843<UP,BROADCAST,RUNNING,SIMPLEX,LINK0,LINK1,MULTICAST> rdomain 5
\tdescription: the lab
\tindex 5 llprio 3
\tgroups: veb
\tmem2 flags=3<LEARNING,DISCOVER>
\t\tport 4 ifpriority 0 ifcost 0
\tmem0 flags=7<LEARNING,DISCOVER,BLOCKNONIP>
\t\tport 1 ifpriority 0 ifcost 0 protected 1,7,31
\tblock in/out on mem0 src 02:00:00:00:00:0f dst ff:ff:ff:ff:ff:ff
\tpass in on mem0 tag blue arp request sha 02:00:00:00:00:01 tha 02:00:00:00:00:02 spa 10.0.0.1 tpa 10.0.0.2
\tmem1 flags=0<>
\t\tport 3 ifpriority 0 ifcost 0 protected 2
\tmatch out on mem1 tag red rarp reply
\tpass in/out on mem1
\tmem3 flags=100<SPAN>
\tmem4 flags=100<SPAN>
\tAddresses (max cache: 50, timeout: 120):
\t\t02:00:00:00:00:05 mem2 0 flags=0<>
\t\t02:00:00:00:00:0a mem0 0 flags=1<STATIC>
\t\t02:00:00:00:00:0b mem1 0 flags=1<STATIC>
`;

const RUNNING = `ifconfig mem0 create rdomain 7 -tso
ifconfig lo7 create rdomain 7
ifconfig mem1 create -txcsum
ifconfig mem2 create
ifconfig veb0 create description "the lab" rdomain 5 link0 link1
ifconfig mem3 create
ifconfig mem4 create
ifconfig lo7 inet 127.0.0.1/8 alias
ifconfig lo7 inet6 ::1/128 alias
ifconfig veb0 maxaddr 50
ifconfig veb0 timeout 120
ifconfig veb0 add mem2
ifconfig veb0 add mem0 blocknonip mem0 protected mem0 1,7,31
ifconfig veb0 rule block in/out on mem0 src 02:00:00:00:00:0f dst ff:ff:ff:ff:ff:ff
ifconfig veb0 rule pass in on mem0 tag blue arp request sha 02:00:00:00:00:01 tha 02:00:00:00:00:02 spa 10.0.0.1 tpa 10.0.0.2
ifconfig veb0 add mem1 -learn mem1 -discover mem1 protected mem1 2
ifconfig veb0 rule match out on mem1 tag red rarp reply
ifconfig veb0 rule pass in/out on mem1
ifconfig veb0 addspan mem3
ifconfig veb0 addspan mem4
ifconfig veb0 static mem1 02:00:00:00:00:0b
ifconfig veb0 static mem0 02:00:00:00:00:0a
ifconfig mem0 up
ifconfig lo7 up
ifconfig mem1 up
ifconfig mem2 up
ifconfig veb0 up
ifconfig mem3 up
`;

describe('what a fully configured bridge shows', () => {
  before(async () => {
    router = await start();
    for (const line of CONFIGURED) await run(line);
    new MemoryHost(router.memory, router.table.get('mem2')).send(frame(BROADCAST, '02:00:00:00:00:05'));
    const { index } = router.table.get('veb0');
    const flooded = () => total(router.memory.views, index, Lane.OPACKETS) === 1;
    await waitUntil(() => router.vebs.count(router.table.get('veb0')) === 3 && flooded(), 'learned and flooded');
  });
  after(() => router.stop());

  it('A61 ports before span ports, each in order of addition, rules with one tab, addresses ascending', async () => {
    // An address may be a second old by now.
    assert.equal((await run('ifconfig veb0')).replace('mem2 1 flags=0', 'mem2 0 flags=0'), DISPLAY);
  });

  it('the same as values', async () => {
    const [veb] = await values<[Record<string, unknown>]>('ifconfig veb0');
    const { counters, addresses, ports, ...rest } = veb as Record<string, unknown[]>;
    assert.deepEqual(rest, {
      name: 'veb0',
      type: 'veb',
      index: 5,
      flags: ['BROADCAST', 'SIMPLEX', 'MULTICAST', 'UP', 'RUNNING', 'LINK0', 'LINK1'],
      rdomain: 5,
      description: 'the lab',
      maxaddr: 50,
      timeout: 120,
      spans: ['mem3', 'mem4'],
    });
    assert.deepEqual(counters, { ipackets: 1, ibytes: 60, opackets: 1, obytes: 60 });
    assert.deepEqual(
      (addresses as { mac: string; port: string; static: boolean }[]).map((a) => [a.mac, a.port, a.static]),
      [
        ['02:00:00:00:00:05', 'mem2', false],
        ['02:00:00:00:00:0a', 'mem0', true],
        ['02:00:00:00:00:0b', 'mem1', true],
      ],
    );
    const none = { src: '', dst: '', tag: '', arp: '', op: '', sha: '', tha: '', spa: '', tpa: '' };
    const [mem2, mem0, mem1] = ports as Record<string, unknown>[];
    const plain = { index: 4, name: 'mem2', learn: true, discover: true, blocknonip: false, protected: [], rules: [] };
    assert.deepEqual(mem2, { ...plain, stormlimit: 0, tagged: 0 });
    assert.deepEqual([mem0?.blocknonip, mem0?.protected, mem0?.index], [true, [1, 7, 31], 1]);
    assert.deepEqual(mem1?.rules, [
      {
        ...none,
        action: 'match',
        dir: 'out',
        tag: 'red',
        arp: 'rarp',
        op: 'reply',
        text: 'match out on mem1 tag red rarp reply',
      },
      { ...none, action: 'pass', dir: 'in/out', text: 'pass in/out on mem1' },
    ]);
  });

  it('A52 ports are promiscuous, span ports and what has left are not', async () => {
    const flags = async (name: string): Promise<string> => (await run(`ifconfig ${name}`)).split('\n')[0] as string;
    assert.match(
      await flags('mem0'),
      /^mem0: flags=8943<UP,BROADCAST,RUNNING,PROMISC,SIMPLEX,MULTICAST> rdomain 7 mtu/,
    );
    assert.match(await flags('mem3'), /^mem3: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu/);
    const was = await run('show running');
    await run('ifconfig veb0 delspan mem4 delspan mem3 addspan mem3 addspan mem4 del mem2');
    assert.match(await flags('mem2'), /flags=8843</);
    assert.match(await flags('mem3'), /flags=8843</);
    await run('ifconfig veb0 add mem2 del mem0 del mem1');
    for (const line of CONFIGURED.slice(6)) await run(line.replace(/addspan \S+ |add mem2 /g, ''));
    assert.equal(await run('show running'), was);
  });

  it('show running prints every setting once, and reads back as the same state', async () => {
    assert.equal(await run('show running'), RUNNING);
    const read = readConfig('running', RUNNING);
    assert.deepEqual(read, router.state);
    assert.deepEqual([...read.interfaces.keys()], [...router.state.interfaces.keys()]);
    const lines = await values<string[]>('show running');
    assert.equal(lines.map((line) => `${line}\n`).join(''), RUNNING);
  });
});
