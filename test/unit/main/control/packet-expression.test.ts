/**
 * Filter expressions compiled by libpcap and run by our translation, beside tcpdump reading the same packets from a file
 * (main/control/packet-expression.ts).
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { compileExpression } from '../../../../src/main/control/packet-expression.js';
import { interpret } from '../../../../src/shared/bpf/interpret.js';
import { translate } from '../../../../src/shared/bpf/translate.js';
import { LinkType } from '../../../../src/shared/wire/pcap.js';
import { type Captured, pcapFile, readPcapFile } from '../../../support/pcap-file.js';
import { skipReason } from '../../../support/require.js';
import { SEED, seeded } from '../../../support/stress.js';

const skip = skipReason.program('tcpdump');
const random = seeded(SEED);
const hex = (text: string): number[] => [...Buffer.from(text.replaceAll(' ', ''), 'hex')];
const pick = <T>(...list: T[]): T => list[random(list.length)] as T;
const word = (n: number): number[] => [n >> 8, n & 255];

function transport(protocol: number): number[] {
  const ports = [...word(pick(53, 80, 443, 4789, 179)), ...word(pick(53, 80, 1024, 65535))];
  const flags = pick(0x02, 0x10, 0x12, 0x04);
  if (protocol === 6) return [...ports, ...hex('00000001 00000002 50'), flags, ...hex('ffff 0000 0000')];
  if (protocol === 17) return [...ports, ...hex('000c 0000 01020304')];
  return [pick(8, 0, 3, 128), 0, 0, 0, 1, 2, 3, 4];
}

function ipv4(): number[] {
  const options = pick(0, 0, 0, 1, 3);
  const protocol = pick(6, 17, 1, 47);
  const rest = transport(protocol);
  const addresses = [10, 0, pick(0, 1), pick(1, 2, 3), 192, 168, pick(0, 1), pick(1, 255)];
  const fragment = word(pick(0, 0, 0x2000, 5));
  const head = [0x45 + options, pick(0, 0xb8), ...word(20 + 4 * options + rest.length), 0, 1, ...fragment];
  return [...head, 64, protocol, 0, 0, ...addresses, ...new Array<number>(4 * options).fill(1), ...rest];
}

function ipv6(): number[] {
  const protocol = pick(6, 17, 58, 44);
  const rest = transport(protocol);
  const address = (): number[] => [...hex('20010db8 00000000 00000000 000000'), pick(1, 2, 3)];
  return [0x60, 0, 0, 0, ...word(rest.length), protocol, 64, ...address(), ...address(), ...rest];
}

function ethernet(): number[] {
  const addresses = [2, 0, 0, 0, 0, pick(1, 2), pick(2, 0xff), 0xff, 0xff, 0xff, 0xff, 0xff];
  const tags = pick([], [], [0x81, 0, 0, pick(5, 6)], [0x88, 0xa8, 0, 7, 0x81, 0, 0x20, 5]);
  const payload = pick(
    () => [8, 0, ...ipv4()],
    () => [0x86, 0xdd, ...ipv6()],
    () => [8, 6, ...hex('0001 0800 0604 0001 020000000001 0a000001 000000000000 0a000002')],
    () => [0x88, 0xb5, 1, 2, 3],
  )();
  return [...addresses, ...tags, ...payload];
}

const IP_EXPRESSIONS = [
  ...['', 'ip', 'ip6', 'tcp', 'udp port 53', 'tcp port 80 and host 10.0.0.1', 'ip proto 47', 'not (tcp or udp)'],
  ...['src net 10.0.1.0/24 or dst host 192.168.1.255', 'tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn'],
  ...['icmp[icmptype] = icmp-echo', 'ip6 and udp portrange 50-100', 'portrange 1000-65535', 'ip6 host 2001:db8::1'],
  ...['ip[6:2] & 0x1fff != 0', 'greater 60', 'less 50', 'len >= 70 and len < 90'],
  ...['ip and (ip[2:2] - ((ip[0] & 0xf) << 2)) > 8', 'ip[0] * 3 + ip[1] / 2 > 200 and ip[8] % 7 = 1'],
];
const ETHER_EXPRESSIONS = [
  ...['arp', 'ether host 02:00:00:00:00:01', 'ether broadcast', 'ether multicast', 'ether proto 0x88b5', 'vlan'],
  ...[
    'vlan 5',
    'vlan 7 and vlan 5',
    'vlan and udp',
    'ether[12:2] = 0x86dd',
    'host 10.0.0.2 and not arp',
    'ip broadcast',
  ],
];

/** 600 packets, some cut short as by a snap length. */
function packets(make: () => number[]): Captured[] {
  return Array.from({ length: 600 }, (_, n) => {
    const whole = Uint8Array.from(make());
    const kept = random(3) === 0 ? random(whole.length + 1) : whole.length;
    return { seconds: 1000 + n, nanoseconds: n, length: whole.length, bytes: whole.subarray(0, kept) };
  });
}

const loop = (): number[] => (random(2) === 0 ? [0, 0, 0, 2, ...ipv4()] : [0, 0, 0, 24, ...ipv6()]);
for (const [name, linkType, make, expressions] of [
  ['EN10MB', LinkType.EN10MB, ethernet, [...IP_EXPRESSIONS, ...ETHER_EXPRESSIONS]],
  ['RAW', LinkType.RAW, () => pick(ipv4, ipv6)(), IP_EXPRESSIONS],
  ['LOOP', LinkType.LOOP, loop, IP_EXPRESSIONS],
] as const) {
  test(`${name}: expressions choose the packets that tcpdump chooses (SMROUTER_SEED=${SEED})`, { skip }, async () => {
    const list = packets(make);
    const input = pcapFile(linkType, list);
    let chosen = 0;
    for (const expression of expressions) {
      const program = await compileExpression(expression, linkType, 262_144).catch((error: Error) => error);
      const theirs = spawnSync('tcpdump', ['-nr', '-', '-w', '-', '--', expression], { input, maxBuffer: 1 << 24 });
      if (program instanceof Error) {
        assert.notEqual(theirs.status, 0, `${expression}: ${program.message}`);
        continue;
      }
      const filter = translate(program);
      const accepted = list.filter(({ bytes, length }) => {
        const keep = filter(bytes, 0, bytes.length, length);
        assert.equal(interpret(program, bytes, 0, bytes.length, length), keep);
        assert.ok(keep === 0 || keep === 262_144);
        return keep > 0;
      });
      const wanted = readPcapFile(theirs.stdout).packets.map((p) => p.seconds);
      const ours = accepted.map((p) => p.seconds);
      assert.deepEqual(ours, wanted, expression);
      if (wanted.length > 0 && wanted.length < list.length) chosen++;
    }
    assert.ok(chosen > 12, 'the expressions choose too little');
  });
}

test('the snap length is what the program returns', { skip }, async () => {
  const filter = translate(await compileExpression('ip', LinkType.RAW, 64));
  assert.equal(filter(Uint8Array.from(ipv4()), 0, 20, 20), 64);
});

test("libpcap's own words about what it cannot compile, as EINVAL", { skip }, async () => {
  for (const [expression, linkType, message] of [
    ['foo bar baz', LinkType.EN10MB, "filter: can't parse filter expression: syntax error"],
    ['ip[0] / 0 = 1', LinkType.EN10MB, 'filter: division by zero'],
    ['inbound', LinkType.EN10MB, 'filter: inbound/outbound not supported on Ethernet when reading savefiles'],
    ['ip and arp', LinkType.EN10MB, 'filter: expression rejects all packets'],
    ['vlan', LinkType.LOOP, 'filter: no VLAN support for OpenBSD loopback'],
  ] as const) {
    await assert.rejects(compileExpression(expression, linkType, 96), { code: 'EINVAL', message });
  }
});

test('an expression is never taken for an option, nor for a command of a shell', { skip }, async () => {
  for (const expression of ['-w /dev/null', '--version', '$(id)', 'ip; id', '-F/etc/passwd', 'ip\0']) {
    await assert.rejects(compileExpression(expression, LinkType.EN10MB, 96), { code: 'EINVAL' }, expression);
  }
});

test('without tcpdump the error names the package', async () => {
  const error = { code: 'ENOENT', message: /install the package tcpdump/ };
  await assert.rejects(compileExpression('ip', LinkType.EN10MB, 96, '/nonexistent/tcpdump'), error);
});
