/** What `route show`, `route get`, `netstat` and `ifconfig` print, against OpenBSD's columns (main/cli/netstat.ts). */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { Commands, NETWORK } from '../../support/commands.js';

const commands = await Commands.after(...NETWORK);
after(() => commands.router.stop());

const INET = `
Internet:
Destination        Gateway            Flags   Refs      Use   Mtu  Prio Iface
default            10.0.0.2           UGS        0        0     -     8 mem0
10.0.0/24          10.0.0.1           UCn        0        0     -     4 mem0
10.0.0.1           02:00:00:00:00:01  UHLl       0        0     -     1 mem0
10.0.0.255         10.0.0.1           UHb        0        0     -     1 mem0
10.0.1/24          10.0.1.1           UCn        0        0     -     4 mem1
10.0.1.1           02:00:00:00:00:02  UHLl       0        0     -     1 mem1
10.0.1.255         10.0.1.1           UHb        0        0     -     1 mem1
10.0.2.0/28        10.0.2.1           UCn        0        0     -     4 mem1
10.0.2.1           02:00:00:00:00:02  UHLl       0        0     -     1 mem1
10.0.2.15          10.0.2.1           UHb        0        0     -     1 mem1
127/8              127.0.0.1          UGRS       0        0 32768     8 lo0
127.0.0.1          127.0.0.1          UHl        0        0 32768     1 lo0
169.254.0.1        169.254.0.1        UHl        0        0     -     1 rport0
169.254.0.2        169.254.0.1        UH         0        0     -     8 rport0
172.16/12          10.0.1.2           UGSP       0        0     -     8 mem1
172.16/12          10.0.0.3           UGSP       0        0     -     8 mem0
192.168.9/24       127.0.0.1          UGSB       0        0 32768     8 lo0
`;

const INET6 = `
Internet6:
Destination                                Gateway                                    Flags   Refs      Use   Mtu  Prio Iface
default                                    2001:db8::2                                UGS        0        0     -     8 mem0
::1                                        ::1                                        UHl        0        0 32768     1 lo0
2001:db8::/64                              2001:db8::1                                UCn        0        0     -     4 mem0
2001:db8::1                                02:00:00:00:00:01                          UHLl       0        0     -     1 mem0
fe80::%mem0/64                             fe80::ff:fe00:1%mem0                       UCn        0        0     -     4 mem0
`;

test('route -n show and netstat -rn print both tables of domain 0', async () => {
  for (const line of ['route -n show', 'netstat -rn', 'netstat -r -n', 'route -T 0 -n show']) {
    assert.equal(await commands.run(line), `Routing tables\n${INET}${INET6}`, line);
  }
});

test('netstat takes a family, a domain and an interface, and refuses what it does not know', async () => {
  assert.equal(await commands.run('netstat -rnf inet'), `Routing tables\n${INET}`);
  assert.equal(await commands.run('netstat -n -r -f inet6'), `Routing tables\n${INET6}`);
  for (const line of ['netstat -rn -T 1', 'netstat -rnT1', 'route -nT 1 show', 'route -T1 show'])
    assert.equal(await commands.run(line), await commands.run('route -T 1 -n show'), line);
  const rport0 = (await commands.run('netstat -I rport0')).split('\n');
  assert.deepEqual(
    rport0.map((line) => line.split(' ')[0]),
    ['Name', 'rport0', 'rport0', ''],
  );
  for (const words of ['-i mem0', '-x', '-rf', '-rf osi', '-i -r', '-sf inet', '-rI mem0', '-iT 1'])
    await assert.rejects(commands.run(`netstat ${words}`), { code: 'EINVAL' }, words);
  await assert.rejects(commands.run('netstat -I mem9'), { code: 'ENXIO' });
});

test('one family, one domain', async () => {
  assert.equal(await commands.run('route -n show -inet'), `Routing tables\n${INET}`);
  assert.equal(await commands.run('route -n show -inet6'), `Routing tables\n${INET6}`);
  const other = await commands.run('route -T 1 -n show -inet');
  assert.match(other, /^192\.0\.2\.4 +127\.0\.0\.1 +UGHRS +0 +0 +32768 +8 lo1$/m);
  assert.doesNotMatch(other, /mem/);
  assert.equal(await commands.run('route -T 9 show'), 'Routing tables\n');
});

const GET: Record<string, string> = {
  '172.16.5.5': `   route to: 172.16.5.5
destination: 172.16/12
       mask: 255.240.0.0
    gateway: 10.0.1.2
  interface: mem1
 if address: 10.0.1.1
   priority: 8 (static)
      flags: <UP,GATEWAY,DONE,STATIC,MPATH>
`,
  '10.0.2.3': `   route to: 10.0.2.3
destination: 10.0.2.0/28
       mask: 255.255.255.240
  interface: mem1
 if address: 10.0.2.1
   priority: 4 (connected)
      flags: <UP,DONE,CLONING,CONNECTED>
`,
  '2001:db8::1': `   route to: 2001:db8::1
destination: 2001:db8::1
       mask: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
  interface: mem0
 if address: 2001:db8::1
   priority: 1 (local)
      flags: <UP,HOST,DONE,LLINFO,LOCAL>
`,
  '198.51.100.1': `   route to: 198.51.100.1
destination: default
       mask: default
    gateway: 10.0.0.2
  interface: mem0
 if address: 10.0.0.1
   priority: 8 (static)
      flags: <UP,GATEWAY,DONE,STATIC>
`,
};

for (const [address, text] of Object.entries(GET)) {
  test(`route get ${address}`, async () => assert.equal(await commands.run(`route -n get ${address}`), text));
}

test('route get default is the default route of a family', async () => {
  const [text = ''] = [GET['198.51.100.1']];
  assert.equal(await commands.run('route -n get default'), text.replace('198.51.100.1', 'default'));
  assert.match(await commands.run('route -n get -inet6 default'), /^ {4}gateway: 2001:db8::2$/m);
  await assert.rejects(commands.run('route -T 1 get default'), { code: 'ESRCH' });
});

test('route get: no route is ESRCH, also where another domain has one', async () => {
  await assert.rejects(commands.run('route -T 1 get 10.0.0.1'), { code: 'ESRCH' });
  await assert.rejects(commands.run('route get'), { code: 'EINVAL' });
  await assert.rejects(commands.run('route get nowhere'), { code: 'EINVAL' });
  await assert.rejects(commands.run('route sideways'), { code: 'EINVAL' });
  await assert.rejects(commands.run('netstat'), { code: 'EINVAL' });
});

test('--json gives the routes themselves', async () => {
  const routes = (await commands.json('route -T 1 show -inet')) as { network: string; hops: object[] }[];
  assert.deepEqual(
    routes.find((r) => r.network === '192.0.2.4'),
    {
      ...{ rdomain: 1, family: 'inet', network: '192.0.2.4', length: 32 },
      ...{ hops: [{ kind: 'reject', dev: '', gateway: '' }], static: true, metric: 0 },
    },
  );
  const got = (await commands.json('route get 10.0.0.9')) as { network: string };
  assert.equal(got.network, '10.0.0.0');
});

test('netstat -i: a row for the link and one for each address; a star says down', async () => {
  const text = await commands.run('netstat -i');
  assert.match(text, /^Name +Mtu +Network +Address +Ipkts +Opkts +Drops$/m);
  assert.match(text, /^mem0 +1500 +<Link> +02:00:00:00:00:01 +\d+ +\d+ +\d+$/m);
  assert.match(text, /^mem0 +1500 +10\.0\.0\/24 +10\.0\.0\.1 +\d+ +\d+ +\d+$/m);
  assert.match(text, /^mem0 +1500 +2001:db8::\/64 +2001:db8::1 +\d+ +\d+ +\d+$/m);
  assert.match(text, /^mem1\* +1500 +<Link> +02:00:00:00:00:02 +0 +0 +0$/m);
  assert.match(text, /^rport0 +32768 +<Link> +rport0 +\d+ +\d+ +\d+$/m);
  const [lo0] = (await commands.json('netstat -i')) as [{ name: string; mtu: number; up: boolean }];
  assert.deepEqual([lo0.name, lo0.mtu, lo0.up], ['lo0', 32768, true]);
});

test('ifconfig shows addresses as OpenBSD does', async () => {
  assert.match(
    await commands.run('ifconfig mem1'),
    /\n\tinet 10\.0\.1\.1 netmask 0xffffff00 broadcast 10\.0\.1\.255\n\tinet 10\.0\.2\.1 netmask 0xfffffff0 broadcast 10\.0\.2\.15\n$/,
  );
  assert.match(await commands.run('ifconfig mem0'), /\n\tinet6 2001:db8::1 prefixlen 64\n$/);
  assert.match(
    await commands.run('ifconfig rport1'),
    /^rport1: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> rdomain 1 mtu 32768\n.*\n\tgroups: rport\n\tparent: rport0\n\tinet 169\.254\.0\.2 --> 169\.254\.0\.1 netmask 0xffffffff\n$/,
  );
  assert.match(
    await commands.run('ifconfig lo1'),
    /^lo1: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> rdomain 1 mtu 32768\n.*\n\tgroups: lo\n\tinet 127\.0\.0\.1 netmask 0xff000000\n\tinet6 ::1 prefixlen 128\n$/,
  );
  const [rport0] = (await commands.json('ifconfig rport0')) as [{ addresses: object[]; parent: string }];
  assert.equal(rport0.parent, 'rport1');
  assert.deepEqual(rport0.addresses, [
    { family: 'inet', address: '169.254.0.1', length: 32, destination: '169.254.0.2' },
  ]);
});
