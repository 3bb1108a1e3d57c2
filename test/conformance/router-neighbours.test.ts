/**
 * The router among its neighbours (spec B §5.5, rows B80 and B81): questions, packets that wait for the answer, answers for others,
 * and link-local addresses. Through two workers, main and memory ports.
 */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { arp, ether, icmp, ip, ipv4, ipv6, mac, raw, sum6 } from '../support/fake-stack.js';
import { isArp, isNd, RoutedRig } from '../support/routed-rig.js';
import { build, noise, parse } from '../support/superframe.js';

const rig = await RoutedRig.start([
  'sysctl net.inet.icmp.errppslimit=-1',
  'sysctl net.inet6.icmp6.errppslimit=-1',
  'ifconfig mem0 create lladdr 02:00:00:00:00:a0 10.0.1.1/24 up',
  'ifconfig mem1 create lladdr 02:00:00:00:00:a1 10.0.2.1/24 up',
  'ifconfig mem0 inet6 2001:db8:1::1/64',
  'ifconfig mem1 inet6 2001:db8:2::1/64',
  'route add -inet 10.0.1.128/25 10.0.2.9',
  'route add -inet6 2001:db8:1::8000/113 2001:db8:2::9',
]);
rig.neighbour('mem0', '10.0.1.9', mac(9));
rig.neighbour('mem0', '2001:db8:1::9', mac(9));
after(() => rig.stop());
beforeEach(() => rig.forget());

const US = rig.lladdr('mem0');
const LINK_LOCAL = 'fe80::ff:fe00:a0';
const v4 = (to: string, mark = 0): Uint8Array =>
  ether(US, mac(9), 0x0800, ipv4('10.0.1.9', to, 17, new Uint8Array(16).fill(mark)));
const v6 = (to: string, mark = 0): Uint8Array =>
  ether(US, mac(9), 0x86dd, ipv6('2001:db8:1::9', to, 17, new Uint8Array(16).fill(mark)));

/** A neighbour solicitation for `target` with the sender's link-layer address. */
function solicitation(from: string, target: string, lladdr: Uint8Array): Uint8Array {
  const words = ip(target);
  const to = raw(ip('ff02::1:ff00:0'));
  to.set(raw(words).slice(13), 13);
  const text = Array.from({ length: 8 }, (_, k) => ((to[2 * k] << 8) | to[2 * k + 1]).toString(16)).join(':');
  const body = Uint8Array.from([...icmp(135, 0, 0, raw(words)), 1, 1, ...lladdr]);
  return ether(
    Uint8Array.from([0x33, 0x33, ...to.slice(12)]),
    lladdr,
    0x86dd,
    ipv6(from, text, 58, sum6(from, text, 58, body), 255),
  );
}

/** A neighbour advertisement of `target`, solicited and overriding. */
function advertisement(target: string, to: string, lladdr: Uint8Array, us: Uint8Array): Uint8Array {
  const body = Uint8Array.from([...icmp(136, 0, 0x60000000, raw(ip(target))), 2, 1, ...lladdr]);
  return ether(us, lladdr, 0x86dd, ipv6(target, to, 58, sum6(target, to, 58, body), 255));
}

/** What a port says within `ms` and `pick` takes. */
async function hears(port: string, ms: number, pick: (bytes: Uint8Array) => boolean): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (const end = performance.now() + ms; performance.now() < end; await sleep(20)) {
    found.push(...rig.all(port).filter(pick));
    if (found.length > 0) break;
  }
  return found;
}

test('B80 packets to an unknown IPv4 neighbour wait for its answer, and go on in their order', async () => {
  await rig.send('mem0', v4('10.0.2.5', 1), v4('10.0.2.5', 2), v4('10.0.2.5', 3));
  const [question, ...more] = rig.all('mem1').filter((b) => b[41] === 5);
  assert.equal(more.length, 0);
  assert.deepEqual(
    [...question.slice(0, 22)],
    [...new Array(6).fill(255), 2, 0, 0, 0, 0, 0xa1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
  );
  assert.deepEqual([...question.slice(28, 32), ...question.slice(38, 42)], [10, 0, 2, 1, 10, 0, 2, 5]);
  assert.equal(rig.router.books().totals.held, 3);
  await rig.send('mem1', arp(2, mac(5), '10.0.2.5', '10.0.2.1', rig.lladdr('mem1')));
  const out = rig.take('mem1');
  assert.deepEqual(
    out.map((bytes) => [bytes[5], bytes[22], bytes[34]]),
    [
      [5, 63, 1],
      [5, 63, 2],
      [5, 63, 3],
    ],
  );
  // The workers know it by now.
  await rig.send('mem0', v4('10.0.2.5', 4));
  assert.equal(rig.all('mem1').length, 1);
});

test('B80 packets to an unknown IPv6 neighbour wait likewise', async () => {
  await rig.send('mem0', v6('2001:db8:2::5', 1), v6('2001:db8:2::5', 2));
  const [question, ...more] = rig.all('mem1');
  assert.equal(more.length, 0);
  assert.deepEqual([...question.slice(0, 6)], [0x33, 0x33, 0xff, 0, 0, 5]);
  assert.deepEqual([question[21], question[54]], [255, 135]);
  await rig.send('mem1', advertisement('2001:db8:2::5', 'fe80::ff:fe00:a1', mac(5), rig.lladdr('mem1')));
  assert.deepEqual(
    rig.take('mem1').map((bytes) => [bytes[5], bytes[21], bytes[54]]),
    [
      [5, 63, 1],
      [5, 63, 2],
    ],
  );
});

for (const version of [4, 6] as const) {
  test(`B80 an IPv${version} superframe to an unknown neighbour waits, whole or for a link that wants it cut; nobody hears that it is too long`, async () => {
    const payload = noise(20_000);
    for (const [host, words] of [
      ['7', 'tso'],
      ['8', '-tso'],
    ] as const) {
      await rig.command(`ifconfig mem1 ${words}`);
      const [from, to] = version === 4 ? ['10.0.1.9', `10.0.2.${host}`] : ['2001:db8:1::9', `2001:db8:2::${host}`];
      const addresses = [from, to].flatMap((address) => [...raw(ip(address as string))]);
      const made = build({ version, protocol: 6, payload, size: 1400, addresses, dst: '02:00:00:00:00:a0' });
      rig.forget();
      await rig.sendOffloaded('mem0', made.bytes, made.vnet);
      assert.equal(rig.router.books().totals.held, 1);
      rig.neighbour('mem1', to as string, mac(Number(host)));
      await rig.settle();
      assert.deepEqual(rig.take('mem0'), [], 'no error');
      const out = rig.take('mem1');
      if (words === 'tso') {
        const whole = out.map((bytes) => [bytes.length, bytes[5], bytes[version === 4 ? 22 : 21]]);
        assert.deepEqual(whole, [[made.bytes.length, 7, (made.bytes[version === 4 ? 22 : 21] as number) - 1]]);
      } else {
        assert.equal(out.length, Math.ceil(20_000 / 1400));
        assert.deepEqual(Buffer.concat(out.map((bytes) => parse(bytes).payload)), Buffer.from(payload));
      }
    }
    await rig.command('ifconfig mem1 tso');
  });
}

test('B80 after three questions without an answer the sender hears host unreachable', async () => {
  const dropped = await rig.dropsOf(async () => {
    rig.push('mem0', v4('10.0.2.6'), v6('2001:db8:2::6'));
    const heard: Uint8Array[] = [];
    while (heard.length < 2) heard.push(...(await hears('mem0', 1000, (b) => !isArp(b) && !isNd(b))));
    const four = heard.find((b) => b[12] === 8) as Uint8Array;
    const six = heard.find((b) => b[12] === 0x86) as Uint8Array;
    assert.deepEqual([...four.slice(34, 36)], [3, 1]);
    assert.deepEqual([...six.slice(54, 56)], [1, 3]);
    await rig.settle();
  });
  assert.deepEqual(dropped, { unreachable: 2 });
  // An announcement of ours, whose target is its sender, is no question.
  const questions = rig.all('mem1').filter((b) => isNd(b) || (isArp(b) && b[41] === 6));
  assert.deepEqual([questions.filter(isArp).length, questions.filter(isNd).length], [3, 3]);
});

test('B81 proxy ARP answers for what is behind another port, and for nothing else', async () => {
  const ask = (target: string): Uint8Array => arp(1, mac(9), '10.0.1.9', target);
  await rig.send('mem0', ask('10.0.1.200'));
  assert.deepEqual(await hears('mem0', 1000, isArp), [], 'off');
  await rig.command('sysctl -w net.ipv4.conf.mem0.proxy_arp=1');
  assert.match(await rig.command('show running'), /^sysctl net\.ipv4\.conf\.mem0\.proxy_arp=1$/m);
  // Behind another port; on this link itself; the asker's own; ours.
  await rig.send('mem0', ask('10.0.1.20'), ask('10.0.1.9'));
  assert.deepEqual(await hears('mem0', 1000, isArp), []);
  await rig.send('mem0', ask('10.0.1.200'));
  const [answer] = await hears('mem0', 3000, isArp);
  assert.deepEqual([...answer.slice(0, 12)], [...mac(9), ...US]);
  assert.deepEqual([...answer.slice(20, 42)], [0, 2, ...US, 10, 0, 1, 200, ...mac(9), 10, 0, 1, 9]);
  await rig.command('sysctl net.ipv4.conf.mem0.proxy_arp=0');
  await rig.send('mem0', ask('10.0.1.200'));
  assert.deepEqual(await hears('mem0', 1000, isArp), []);
});

test('B81 proxy ND does the same', async () => {
  const ask = solicitation('2001:db8:1::9', '2001:db8:1::8001', mac(9));
  await rig.send('mem0', ask);
  assert.deepEqual(await hears('mem0', 1000, isNd), [], 'off');
  await rig.command('sysctl -w net.ipv6.conf.mem0.proxy_ndp=1');
  await rig.send('mem0', solicitation('2001:db8:1::9', '2001:db8:1::20', mac(9)));
  assert.deepEqual(await hears('mem0', 1000, isNd), []);
  await rig.send('mem0', ask);
  const [answer] = await hears('mem0', 3000, isNd);
  assert.equal(answer[54], 136);
  assert.deepEqual(answer.slice(62, 78), raw(ip('2001:db8:1::8001')));
  assert.deepEqual([...answer.slice(80, 86)], [...US]);
});

test('the anycast address of a network’s routers is answered on each leg, from another address, and only while we are one', async () => {
  const echo = (to: string): Uint8Array => {
    const message = sum6('2001:db8:1::9', to, 58, icmp(128, 0, 0x10001, new Uint8Array(8)));
    return ether(US, mac(9), 0x86dd, ipv6('2001:db8:1::9', to, 58, message));
  };
  const isReply = (bytes: Uint8Array): boolean => bytes[12] === 0x86 && bytes[54] === 129;
  for (const to of ['2001:db8:1::', '2001:db8:2::']) {
    await rig.send('mem0', echo(to));
    const [reply] = await hears('mem0', 3000, isReply);
    assert.deepEqual(reply?.slice(22, 38), raw(ip('2001:db8:1::1')), to);
  }
  const ask = solicitation('2001:db8:1::9', '2001:db8:1::', mac(9));
  await rig.send('mem0', ask);
  const [answer] = await hears('mem0', 3000, isNd);
  assert.deepEqual([answer?.[54], answer?.[58]], [136, 0xc0], 'no override');
  assert.deepEqual([...answer.slice(80, 86)], [...US]);
  assert.match(await rig.command('route get 2001:db8:1::'), /flags: <.*LOCAL/);
  assert.doesNotMatch(await rig.command('netstat -rnf inet6'), /^2001:db8:1:: /m);
  await rig.command('sysctl net.inet6.ip6.forwarding=0');
  rig.forget();
  await rig.send('mem0', echo('2001:db8:1::'));
  await rig.command('sysctl net.inet6.ip6.forwarding=1');
  await rig.settle();
  assert.deepEqual(rig.all('mem0').filter(isReply), []);
});

test('an interface with IPv6 answers for a link-local address of its own', async () => {
  assert.match(
    await rig.command('ifconfig mem0'),
    /^\tinet6 fe80::ff:fe00:a0%mem0 prefixlen 64 scopeid 0x[0-9a-f]+\n\tinet 10/m,
  );
  assert.doesNotMatch(await rig.command('show running'), /fe80/);
  await rig.send('mem0', solicitation('fe80::9', LINK_LOCAL, mac(9)));
  const [answer] = rig.all('mem0').filter(isNd);
  assert.equal(answer[54], 136);
  assert.deepEqual(answer.slice(62, 78), raw(ip(LINK_LOCAL)));
  const echo = sum6('fe80::9', LINK_LOCAL, 58, icmp(128, 0, 0x10001, new Uint8Array(8)));
  await rig.send('mem0', ether(US, mac(9), 0x86dd, ipv6('fe80::9', LINK_LOCAL, 58, echo)));
  const [reply, ...more] = rig.take('mem0');
  assert.equal(more.length, 0);
  assert.deepEqual([reply[54], ...reply.slice(22, 38)], [129, ...raw(ip(LINK_LOCAL))]);
});

test('a link-local address is of one link: it is not answered for on another', async () => {
  await rig.send('mem1', solicitation('fe80::9', LINK_LOCAL, mac(9)));
  assert.deepEqual(rig.all('mem1').filter(isNd), []);
});

test('a link-local address follows the link-layer address, and goes with the last IPv6 address', async () => {
  await rig.command('ifconfig mem1 lladdr 02:00:00:00:00:b1');
  assert.match(await rig.command('ifconfig mem1'), /fe80::ff:fe00:b1%mem1/);
  await rig.usable();
  await rig.send('mem1', solicitation('fe80::9', 'fe80::ff:fe00:b1', mac(9)));
  assert.equal(rig.all('mem1').filter((b) => isNd(b) && b[54] === 136 && b[0] === 2).length, 1);
  await rig.command('ifconfig mem1 inet6 2001:db8:2::1 delete');
  assert.doesNotMatch(await rig.command('ifconfig mem1'), /fe80/);
});
