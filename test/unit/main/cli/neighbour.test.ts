/** `arp` and `ndp`: what they change and print (main/cli/neighbour.ts). */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { Commands, NETWORK } from '../../support/commands.js';

const commands = await Commands.after(...NETWORK, 'ifconfig mem2 create rdomain 1 inet 10.0.0.1/24 up');
after(() => commands.router.stop());

const ARP_HEADING = 'Host                                 Ethernet Address   Netif Expire    Flags\n';
const NDP_HEADING = 'Neighbor                             Linklayer Address  Netif Expire    S Flags\n';

test('what is set by hand is permanent, in its domain and family alone, and can be taken away', async () => {
  assert.equal(await commands.run('arp -s 10.0.0.5 2:0:0:0:0:9'), '');
  assert.equal(await commands.run('arp -V 1 -s 10.0.0.6 2:0:0:0:0:a'), '');
  assert.equal(await commands.run('ndp -s 2001:db8::5 2:0:0:0:0:b'), '');
  const five = '10.0.0.5                             02:00:00:00:00:09   mem0 permanent static\n';
  const six = '10.0.0.6                             02:00:00:00:00:0a   mem2 permanent static\n';
  const ndp = '2001:db8::5                          02:00:00:00:00:0b   mem0 permanent R\n';
  assert.equal(await commands.run('arp -an'), ARP_HEADING + five);
  assert.equal(await commands.run('arp -a -n'), ARP_HEADING + five);
  assert.equal(await commands.run('arp -n 10.0.0.5'), ARP_HEADING + five);
  for (const words of ['-V 1 -an', '-V1 -an', '-anV 1', '-anV1'])
    assert.equal(await commands.run(`arp ${words}`), ARP_HEADING + six, words);
  assert.equal(await commands.run('ndp -an'), NDP_HEADING + ndp);
  assert.deepEqual(await commands.json('arp -an'), [
    { address: '10.0.0.5', lladdr: '02:00:00:00:00:09', interface: 'mem0', state: 'static', expiresMs: null },
  ]);
  await commands.run('arp -d 10.0.0.5');
  await commands.run('ndp -d 2001:DB8:0::5');
  assert.equal(await commands.run('arp -an'), ARP_HEADING);
  assert.equal(await commands.run('ndp -an'), NDP_HEADING);
  assert.equal(await commands.run('arp -V 1 -an'), ARP_HEADING + six);
});

test('one that is asked for is incomplete', async () => {
  const pinging = commands.run('ping -c 1 10.0.0.77');
  // The request is made at once, but its command waits its turn.
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.match(await commands.run('arp -an'), /^10\.0\.0\.77 +\(incomplete\) +mem0 \ds +incomplete$/m);
  await pinging;
});

const ERRORS: readonly (readonly [string, string])[] = [
  ['ESRCH', 'arp -d 10.0.0.9'],
  ['ESRCH', 'arp -n 10.0.0.9'],
  ['ESRCH', 'arp -d 10.0.0.6'],
  ['EINVAL', 'arp -s 10.0.0.9 nonsense'],
  ['EINVAL', 'arp -s 10.0.0.9'],
  ['EINVAL', 'arp -s 2001:db8::9 2:0:0:0:0:1'],
  ['EINVAL', 'ndp -s 10.0.0.9 2:0:0:0:0:1'],
  ['EINVAL', 'ndp nonsense'],
  ['EINVAL', 'arp -x'],
  ['EINVAL', 'arp'],
  ['EINVAL', 'arp -d'],
  ['EINVAL', 'arp -s'],
  ['EINVAL', 'arp -an 10.0.0.9'],
  ['EINVAL', 'arp -d 10.0.0.9 10.0.0.8'],
  ['EINVAL', 'arp -s 10.0.0.9 2:0:0:0:0:1 pub'],
  ['EINVAL', 'arp -a -s 10.0.0.9 2:0:0:0:0:1'],
  ['EINVAL', 'arp -s 10.0.0.1 2:0:0:0:0:1'],
  ['EINVAL', 'ndp -s 2001:db8::1 2:0:0:0:0:1'],
  ['EINVAL', 'ip neigh add 10.0.0.1 lladdr 2:0:0:0:0:1 dev mem0'],
  ['EOPNOTSUPP', 'ip neigh add proxy 2001:db8::9 dev mem0'],
  ['EINVAL', 'arp -V 253 -an'],
  ['ENETUNREACH', 'arp -s 10.99.0.9 2:0:0:0:0:1'],
  ['ENETUNREACH', 'arp -V 9 -s 10.0.0.9 2:0:0:0:0:1'],
];

for (const [code, words] of ERRORS) {
  test(`${words} is ${code}`, () => assert.rejects(commands.run(words), { code }));
}

test('-ad takes away those of its family and domain, and no others', async () => {
  for (const words of ['arp -s 10.0.0.5 2:0:0:0:0:9', 'arp -s 10.0.0.7 2:0:0:0:0:b', 'ndp -s 2001:db8::5 2:0:0:0:0:b'])
    await commands.run(words);
  await commands.run('arp -ad');
  assert.equal(await commands.run('arp -an'), ARP_HEADING);
  assert.match(await commands.run('ndp -an'), /^2001:db8::5 /m);
  assert.match(await commands.run('arp -V 1 -an'), /^10\.0\.0\.6 /m);
  await commands.run('ndp -d -a');
  assert.equal(await commands.run('ndp -an'), NDP_HEADING);
});

test('ip neigh add refuses one that is there; replace does not', async () => {
  await commands.run('ip neigh add 10.0.0.5 lladdr 2:0:0:0:0:9 dev mem0');
  await assert.rejects(commands.run('ip neigh add 10.0.0.5 lladdr 2:0:0:0:0:a dev mem0'), { code: 'EEXIST' });
  await commands.run('ip neigh replace 10.0.0.5 lladdr 2:0:0:0:0:a dev mem0');
  assert.equal(await commands.run('ip neigh show dev mem0'), '10.0.0.5 lladdr 02:00:00:00:00:0a PERMANENT \n');
  await commands.run('ip neigh del 10.0.0.5 dev mem0');
  const refused = (words: string, message: RegExp): Promise<void> =>
    assert.rejects(commands.run(`ip neigh ${words}`), { code: 'EINVAL', message });
  await refused('add 10.0.0.5 dev mem0', /^lladdr missing$/);
  await refused('add lladdr 2:0:0:0:0:9 dev mem0', /^address missing$/);
  await refused('flush dev mem0', /^ip neighbour flush: unknown command$/);
});
