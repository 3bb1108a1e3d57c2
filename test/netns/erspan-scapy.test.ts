/** GRE and ERSPAN as scapy makes them, right and wrong, into an erspan interface: whose packets another hand has built (A118, A121, A122). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { Lane } from '../../src/shared/layout/counters.js';
import { ErspanRig, PEER, US } from '../support/erspan.js';
import { hex } from '../support/naive-ip.js';
import { skipReason } from '../support/require.js';

/** What becomes of each, and how scapy makes it. `taken` frames are delivered, `captured` ones are not. */
const SET: readonly (readonly [string, string])[] = [
  ['taken', 'S(0x88be)/ERSPAN_II(ver=1,session_id=5)/F'],
  ['taken', 'S(0x88be)/ERSPAN_II(ver=1,vlan=33,cos=7,en=3,session_id=5,index=0xfffff)/F'],
  ['captured', 'S(0x88be)/ERSPAN_II(ver=1,t=1,session_id=5)/F'],
  ['no-tunnel', 'S(0x88be)/ERSPAN_II(ver=1,session_id=6)/F'],
  ['erspan-version', 'S(0x88be)/ERSPAN_II(ver=0,session_id=5)/F'],
  ['erspan-version', 'S(0x88be)/ERSPAN_II(ver=2,session_id=5)/F'],
  ['taken', 'S(0x22eb)/ERSPAN_III(session_id=5)/F'],
  ['taken', 'S(0x22eb)/ERSPAN_III(session_id=5,o=1)/ERSPAN_PlatformSpecific(b"\\x0c"+b"\\0"*7)/F'],
  ['captured', 'S(0x22eb)/ERSPAN_III(session_id=5,bso=3)/F'],
  ['captured', 'S(0x22eb)/ERSPAN_III(session_id=5,t=1)/F'],
  ['captured', 'S(0x22eb)/ERSPAN_III(session_id=5,ft=2)/IP()'],
  ['erspan-version', 'S(0x22eb)/ERSPAN_III(ver=1,session_id=5)/F'],
  ['gre-short', 'S(0x22eb)/ERSPAN_III(session_id=5,o=1)/Raw(b"1234567")'],
  ['gre-short', 'S(0x88be)/Raw(b"1234567")'],
  ['erspan-short', 'S(0x88be)/ERSPAN_II(ver=1,session_id=5)/Raw(b"0123456789abc")'],
  ['no-tunnel', 'GRE(proto=0x88be)/F'],
  ['gre-flags', 'GRE(key_present=1,key=5,seqnum_present=1,proto=0x88be)/ERSPAN_II(ver=1,session_id=5)/F'],
  ['gre-flags', 'GRE(chksum_present=1,seqnum_present=1,proto=0x88be)/ERSPAN_II(ver=1,session_id=5)/F'],
  ['gre-flags', 'GRE(seqnum_present=1,recursion_control=1,proto=0x88be)/ERSPAN_II(ver=1,session_id=5)/F'],
  ['gre-version', 'GRE(seqnum_present=1,version=1,proto=0x88be)/ERSPAN_II(ver=1,session_id=5)/F'],
  ['gre-protocol', 'GRE(proto=0x6558)/F'],
  ['gre-protocol', 'GRE(proto=0x0800)/IP()/UDP()'],
];

const SCRIPT = `
from scapy.all import *
load_contrib('erspan')
F=Ether(dst='02:00:00:00:0a:01',src='02:00:00:00:0a:02',type=0x88b5)/Raw(b'x'*46)
def ERSPAN_PlatformSpecific(b): return Raw(b)
def S(p): return GRE(seqnum_present=1,sequence_number=1,proto=p)
for e in sys.stdin.read().split('\\n'):
    print(bytes(eval(e)).hex())
`;

test('what scapy makes is taken, captured or declined as it should', {
  skip: skipReason.program('scapy') || skipReason.root(),
}, async () => {
  const packets = execFileSync('/usr/bin/python3', ['-c', SCRIPT], {
    input: SET.map(([, expression]) => expression).join('\n'),
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  })
    .trim()
    .split('\n');
  assert.equal(packets.length, SET.length);
  for (const [n, [outcome, expression]] of SET.entries()) {
    const rig = await ErspanRig.start(
      `ifconfig erspan0 create tunnel ${US} ${PEER} vnetid 5 -monitor up`,
      'ifconfig mem1 create up',
      'ifconfig veb0 create add mem1 add erspan0 up',
    );
    rig.receive(PEER, hex(packets[n] as string));
    const drops = Object.keys(rig.drops()).map((name) => name.split(' ')[1]);
    const delivered = rig.sent('mem1').length;
    const taken = rig.counter('erspan0', Lane.IPACKETS);
    const found = drops[0] ?? (delivered === 1 ? 'taken' : taken === 1 ? 'captured' : 'lost');
    assert.deepEqual([found, drops.length <= 1], [outcome, true], expression);
  }
});
