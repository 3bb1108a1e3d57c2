/**
 * The layer-3 wire formats allocate nothing once the code is warm: checks, walks, a hop, replies, errors, fragments.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arpReply } from '../../src/shared/wire/arp.js';
import { fragments4, writeFragment4 } from '../../src/shared/wire/fragment.js';
import { echoReply4, mayAnswerWithError4, writeIcmpError4 } from '../../src/shared/wire/icmp.js';
import { echoReply6, mayAnswerWithError6, writeIcmpError6 } from '../../src/shared/wire/icmp6.js';
import { checkIpv4, decrementTtl, destination4, setTtl } from '../../src/shared/wire/ipv4.js';
import { checkForward6, checkIpv6, walkExtensions, walkHopByHop } from '../../src/shared/wire/ipv6.js';
import { checkNd, ndReply, writeSolicitation } from '../../src/shared/wire/nd.js';
import { heapGrowth } from '../support/heap-growth.js';

const ROUND = 20_000;
const WARM_ROUNDS = 10;
const MOST_BYTES = 0.5;
/** Where the packets are, and where what is made of them goes. */
const V4 = 64;
const V6 = 256;
const ARP = 512;
const OUT = 2048;
const u8 = new Uint8Array(8192);
const u16 = new Uint16Array(u8.buffer);
const V6_ADDRESSES = '20010db8000000000000000000000001 20010db8000000000000000000000002';
let sum = 0;

function put(at: number, text: string): void {
  u8.set(Buffer.from(text.replaceAll(' ', ''), 'hex'), at);
}

put(V4, '46000054000140004001 0000 c0a80001c0a80002 94040000 08005435123400016162636465666768');
put(V6, `60000000 0018 00 40 ${V6_ADDRESSES} 3a00 0502 0000 0100 8000 0000 00000000 0000000000000000`);
put(ARP, 'ffffffffffff 021122334455 0806 0001 0800 06 04 0001 021122334455 c0a80001 000000000000 c0a80002');

const steps: Readonly<Record<string, () => number>> = {
  'an IPv4 hop': () => {
    setTtl(u8, u16, V4, 64);
    const fault = checkIpv4(u8, u16, V4, 84);
    decrementTtl(u8, u16, V4);
    return fault + destination4(u8, V4);
  },
  'an IPv6 packet': () => checkIpv6(u8, V6, 64) + checkForward6(u8, V6) + walkHopByHop(u8, V6) + walkExtensions(u8, V6),
  'echo replies': () => {
    echoReply4(u8, u16, V4);
    echoReply6(u8, u16, V6, V6 + 48);
    return u16[V4 >> 1];
  },
  errors: () => {
    const may = mayAnswerWithError4(u8, V4, false) && mayAnswerWithError6(u8, V6, false, 3, 0);
    const length = writeIcmpError4(u8, u16, V4, OUT, 3, 4, 1400, 0x0a000001, 1);
    return (may ? 1 : 0) + length + writeIcmpError6(u8, u16, V6, OUT, 3, 0, 0, u8, V6 + 24);
  },
  fragments: () => {
    const count = fragments4(u8, V4, 68);
    return writeFragment4(u8, u16, V4, 68, 0, count, OUT) + writeFragment4(u8, u16, V4, 68, 1, count, OUT);
  },
  neighbours: () => {
    const length = writeSolicitation(u8, u16, OUT, 0x0002, -2, u8, V6 + 8, u8, V6 + 24);
    return length + checkNd(u8, u16, OUT + 14) + ndReply(u8, u16, OUT, 0x0002, -3, 0) + arpReply(u16, ARP, 2, -3);
  },
};

for (const [what, step] of Object.entries(steps)) {
  test(`${what}: nothing is allocated`, () => {
    const run = (times: number) => {
      for (let n = 0; n < times; n++) sum = (sum + step()) | 0;
    };
    const bytes = heapGrowth(run, ROUND, WARM_ROUNDS, MOST_BYTES);
    assert.ok(bytes < MOST_BYTES, `${bytes} bytes a run`);
  });
}
