/** What `smrctl trace` prints (main/trace/): each kind of decision, frames in short, times, words. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { decisionText, KIND_NAMES } from '../../../../src/main/trace/decision-text.js';
import { frameSummary, packetSummary } from '../../../../src/main/trace/frame-summary.js';
import { traceJson, traceText, traceWords } from '../../../../src/main/trace/trace.js';
import type { Decision, Trace } from '../../../../src/main/trace/trace-reader.js';
import { Drop } from '../../../../src/shared/counter/drop-reason.js';
import { TraceEvent } from '../../../../src/shared/layout/trace.js';
import { PuntReason } from '../../../../src/shared/ring/punt-reason.js';
import { Learned } from '../../../../src/shared/table/etherbridge.js';
import { NextHopKind } from '../../../../src/shared/table/next-hop.js';
import { SidAction } from '../../../../src/shared/table/sid.js';
import { Hop } from '../../../../src/workers/work-list.js';

const nameOf = (index: number): string => `if${index}`;
const decision = (kind: TraceEvent, words: number[] = [], address: number[] = []): Decision => ({
  ...{ kind, index: 1 },
  words: [0, 1, 2, 3].map((n) => words[n] ?? 0) as unknown as Decision['words'],
  address: [0, 1, 2, 3].map((n) => address[n] ?? 0) as unknown as Decision['address'],
});
const HOSTS = '02000000000b02000000000a';
const bytes = (hex: string): Buffer => Buffer.from(`${HOSTS}${hex}`, 'hex');

test('each decision is a line in words', () => {
  const lines: readonly (readonly [Decision, string])[] = [
    [decision(TraceEvent.BRIDGE, [2]), 'bridge if1, by port if2'],
    [decision(TraceEvent.RULES, [0, 3, 1]), 'in rules of if1: rule 3 blocks'],
    [decision(TraceEvent.RULES, [1, 3, 14]), 'out rules of if1: rule 3 passes, tag 7'],
    [decision(TraceEvent.LEARN, [Learned.MOVED, 2]), 'source: moved, behind if2'],
    [decision(TraceEvent.LOOKUP, [0, 1]), 'destination: a group, flooded'],
    [decision(TraceEvent.ROUTE, [4, 7, NextHopKind.REJECT]), 'route in domain 7, IPv4 received on if1: reject'],
    [
      decision(TraceEvent.ROUTE, [6, 0, NextHopKind.GATEWAY, 3], [0x20010db8, 0, 0, 1]),
      'route in domain 0, IPv6 received on if1: by 2001:db8::1 on if3',
    ],
    [
      decision(TraceEvent.ROUTE, [6, 0, NextHopKind.SID], [SidAction.END_DT4, 10]),
      'route in domain 0, IPv6 received on if1: local SID End.DT4, domain 10',
    ],
    [decision(TraceEvent.HOP, [Hop.STACK_INPUT]), 'from the bridge by if1 to the stack'],
    [decision(TraceEvent.HOP, [Hop.RPORT]), 'out of if1, into its peer'],
    [decision(TraceEvent.HOP, [Hop.FRAME_INPUT]), 'taken out of tunnel if1'],
    [decision(TraceEvent.EGRESS, [0x0002, 0x0b000000]), 'leaves by if1, to 02:00:00:00:00:0b'],
    [decision(TraceEvent.HANDED, [3]), 'handed to worker 3, which sends by if1'],
    [decision(TraceEvent.PUNT, [PuntReason.ARP]), 'to main from if1: ARP'],
    [
      decision(TraceEvent.DROP, [Drop.STORM]),
      'dropped at if1: storm (to be flooded, above the storm limit of its port)',
    ],
  ];
  for (const [given, line] of lines) assert.equal(decisionText(given, nameOf), line);
});

test('every kind of decision has words of its own', () => {
  const texts = Object.keys(KIND_NAMES).map((kind) => decisionText(decision(Number(kind)), nameOf));
  assert.equal(new Set(texts).size, texts.length);
  assert.ok(texts.every((text) => !text.startsWith('decision ')));
});

test('a frame in short', () => {
  const link = '02:00:00:00:00:0a > 02:00:00:00:00:0b';
  const ipv4 = `080045000020000100004011000${'0'}0a0000020a000102`;
  assert.equal(frameSummary(bytes(`${ipv4}9c400007`)), `${link} IPv4 10.0.0.2 port 40000 > 10.0.1.2 port 7 UDP ttl 64`);
  assert.equal(frameSummary(bytes(ipv4)), `${link} IPv4 10.0.0.2 > 10.0.1.2 UDP ttl 64`);
  const ipv6 = '86dd6000000000083a40' + '20010db8000000000000000000000001' + '20010db8000000000000000000000002';
  assert.equal(frameSummary(bytes(ipv6)), `${link} IPv6 2001:db8::1 > 2001:db8::2 ICMPv6 hop limit 64`);
  const arp = `0806000108000604000102000000000a0a0000020000000000000a000001`;
  assert.equal(frameSummary(bytes(arp)), `${link} ARP who has 10.0.0.1, asks 10.0.0.2`);
  assert.equal(frameSummary(bytes(`81006021${ipv4}`)), `${link} vlan 33 IPv4 10.0.0.2 > 10.0.1.2 UDP ttl 64`);
  assert.equal(frameSummary(bytes('88a80005810060210800')), `${link} vlan 5 vlan 33 type 0x0800`);
  assert.equal(frameSummary(bytes('8100')), `${link} type 0x8100`);
  assert.equal(frameSummary(bytes('88b5')), `${link} type 0x88b5`);
  assert.equal(packetSummary(bytes(ipv4).subarray(14)), 'IPv4 10.0.0.2 > 10.0.1.2 UDP ttl 64');
  assert.equal(packetSummary(bytes(ipv6).subarray(14)), 'IPv6 2001:db8::1 > 2001:db8::2 ICMPv6 hop limit 64');
  for (const cut of ['', '45', '60', '00'])
    assert.equal(packetSummary(Buffer.from(cut, 'hex')), 'neither IPv4 nor IPv6');
  for (const cut of ['0800', '080045', '86dd60', '0806', '08004f000020000100004006']) frameSummary(bytes(cut));
});

const TRACE: Trace = {
  ...{
    time: 1_764_000_000_123_456_789n,
    ingress: 1,
    worker: 2,
    length: 60,
    frame: bytes('88b5'),
    packet: false,
    more: 4,
  },
  decisions: [decision(TraceEvent.STACK), decision(TraceEvent.DROP, [Drop.NO_PROTOCOL])],
};

test('a block of text, and an object', () => {
  const [head, ...rest] = traceText(TRACE, nameOf).split('\n');
  assert.match(head as string, /^\d\d:\d\d:\d\d\.123456 if1 length 60: 02:/);
  assert.deepEqual(rest, [
    '    the stack of if1',
    '    dropped at if1: no-protocol (an ethertype that the stack does not take)',
    '    and 4 more',
    '',
  ]);
  const object = JSON.parse(traceJson(TRACE, nameOf));
  assert.equal(object.time, '2025-11-24T16:00:00.123Z');
  assert.deepEqual([object.interface, object.worker, object.length, object.more], ['if1', 2, 60, 4]);
  assert.deepEqual(object.decisions[1].kind, 'drop');
});

test('the words: an interface, a count, a filter, and nothing of tcpdump', () => {
  const { request, count } = traceWords(['-i', 'tap0', '-c3', 'udp', 'port', '53']);
  assert.deepEqual([request.interface, request.link, request.filter, count], ['tap0', 'TRACE', 'udp port 53', 3]);
  for (const words of [[], ['-i'], ['-i', 'tap0', '-c', '0'], ['-e', '-i', 'tap0'], ['-i', 'tap0', '-w', 'x']]) {
    assert.throws(() => traceWords(words), { code: 'EINVAL' });
  }
});
