/** Replies that workers make themselves (workers/inet/replies.ts): exact bytes, and main hears nothing. */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { MemoryHost } from '../../../../src/main/memory/memory-host.js';
import { Router } from '../../../../src/main/router.js';
import { Work, workLane } from '../../../../src/shared/layout/counters.js';
import { If, ifRecord } from '../../../../src/shared/layout/heap.js';
import { macBytes } from '../../../support/rig.js';
import { ifconfigOn } from '../../../support/router-words.js';

const OURS = '02:00:00:00:00:01';
const PEER = '02:00:00:00:00:02';
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const router = await Router.start({ workers: 1, kernelTaps: false, poison: true, log: quiet });
after(() => router.stop());
await ifconfigOn(router)(
  `mem0 create lladdr ${OURS} inet 198.18.0.1/24 inet6 2001:db8::1/64 up`,
  `mem1 create inet 198.18.1.1/24 up`,
);
const { index } = router.table.get('mem0');
const host = new MemoryHost(router.memory, router.table.get('mem0'));
const PEER6 = Int32Array.of(0x20010db8, 0, 0, 2);
router.stack.addStatic(index, Int32Array.of((198 << 24) | (18 << 16) | 2), Uint8Array.from(macBytes(PEER)));
router.stack.addStatic(index, PEER6, Uint8Array.from(macBytes(PEER)));

beforeEach(() => host.receive());

function sum(bytes: ArrayLike<number>, start = 0): number {
  let total = start;
  for (let i = 0; i < bytes.length; i += 2)
    total += ((bytes[i] as number) << 8) | ((bytes[i + 1] as number | undefined) ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

/** An echo message with its checksum; `pseudo` is the sum of what stands before it. */
function echo(type: number, pseudo: number[] = []): number[] {
  const message = [type, 0, 0, 0, 0x12, 0x34, 0, 7, ...Array.from({ length: 16 }, (_, i) => i * 5)];
  const checksum = sum([...pseudo, ...message]);
  message.splice(2, 2, checksum >> 8, checksum & 255);
  return message;
}

function ipv4(from: number[], to: number[], ttl: number, payload: number[]): number[] {
  const header = [0x45, 0, 0, 20 + payload.length, 0xab, 0xcd, 0, 0, ttl, 1, 0, 0, ...from, ...to];
  const checksum = sum(header);
  header.splice(10, 2, checksum >> 8, checksum & 255);
  return [...header, ...payload];
}

function ipv6(from: number[], to: number[], hops: number, type: number): number[] {
  const pseudo = [...from, ...to, 0, 0, 0, 24, 0, 0, 0, 58];
  return [0x60, 0, 0, 0, 0, 24, 58, hops, ...from, ...to, ...echo(type, pseudo)];
}

/** Frames handed to main so far. */
function punted(): number {
  return router.memory.views.counters[workLane(router.memory.views.sizes.threads, 0) + Work.HANDED_OUT];
}

/** Sends a frame; resolves to what comes back. */
async function answers(frame: number[]): Promise<string[]> {
  assert.ok(host.send(Uint8Array.from(frame)));
  for (let n = 0; n < 20; n++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    // What main says of its own accord goes to groups: announcements, duplicate address detection.
    const got = host.receive().filter(({ bytes }) => ((bytes[0] as number) & 1) === 0);
    if (got.length > 0) return got.map(({ bytes }) => Buffer.from(bytes).toString('hex'));
  }
  return [];
}

const A = [198, 18, 0, 2];
const R = [198, 18, 0, 1];
const A6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
const R6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const there = [...macBytes(OURS), ...macBytes(PEER)];
const back = [...macBytes(PEER), ...macBytes(OURS)];
const hex = (bytes: number[]): string => Buffer.from(bytes).toString('hex');

test('an echo request of a known neighbour is answered by the worker', async () => {
  const before = punted();
  const got = await answers([...there, 8, 0, ...ipv4(A, R, 33, echo(8))]);
  assert.deepEqual(got, [hex([...back, 8, 0, ...ipv4(R, A, 64, echo(0))])]);
  assert.equal(punted(), before);
});

test('the same of IPv6', async () => {
  const before = punted();
  const got = await answers([...there, 0x86, 0xdd, ...ipv6(A6, R6, 33, 128)]);
  assert.deepEqual(got, [hex([...back, 0x86, 0xdd, ...ipv6(R6, A6, 64, 129)])]);
  assert.equal(punted(), before);
});

test('an address of ours on another interface is answered too', async () => {
  const got = await answers([...there, 8, 0, ...ipv4(A, [198, 18, 1, 1], 33, echo(8))]);
  assert.deepEqual(got, [hex([...back, 8, 0, ...ipv4([198, 18, 1, 1], A, 64, echo(0))])]);
});

test('an echo request with a wrong checksum is not answered', async () => {
  const bad = echo(8);
  bad[9] = (bad[9] as number) ^ 1;
  assert.deepEqual(await answers([...there, 8, 0, ...ipv4(A, R, 33, bad)]), []);
});

test('an ARP request of a known neighbour is answered by the worker; of another MAC it is for main', async () => {
  const request = (mac: string): number[] => [
    ...[255, 255, 255, 255, 255, 255, ...macBytes(mac), 8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
    ...[...macBytes(mac), ...A, 0, 0, 0, 0, 0, 0, ...R],
  ];
  const before = punted();
  const got = await answers(request(PEER));
  const reply = [...back, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, ...macBytes(OURS), ...R, ...macBytes(PEER), ...A];
  assert.deepEqual(got, [hex(reply)]);
  assert.equal(punted(), before);
  await answers(request('02:00:00:00:00:09'));
  assert.equal(punted(), before + 1);
});

/** A solicitation for `target` from the known neighbour, to its solicited-node group; the option says that it is at `mac`. */
function solicitation(target: number[], mac: string, from = A6): number[] {
  const group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...target.slice(13)];
  const message = [135, 0, 0, 0, 0, 0, 0, 0, ...target, 1, 1, ...macBytes(mac)];
  const checksum = sum([...from, ...group, 0, 0, 0, 32, 0, 0, 0, 58, ...message]);
  message.splice(2, 2, checksum >> 8, checksum & 255);
  const link = [0x33, 0x33, 0xff, ...target.slice(13), ...macBytes(PEER), 0x86, 0xdd];
  return [...link, 0x60, 0, 0, 0, 0, 32, 58, 255, ...from, ...group, ...message];
}

test('a solicitation of a known neighbour is answered by the worker, once the address may be used', async () => {
  const ours = Int32Array.of(0x20010db8, 0, 0, 1);
  const until = performance.now() + 10_000;
  while (router.stack.addressState(index, ours) === 'tentative' && performance.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const advert = [136, 0, 0, 0, 0xe0, 0, 0, 0, ...R6, 2, 1, ...macBytes(OURS)];
  const checksum = sum([...R6, ...A6, 0, 0, 0, 32, 0, 0, 0, 58, ...advert]);
  advert.splice(2, 2, checksum >> 8, checksum & 255);
  const before = punted();
  const wanted = [...back, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255, ...R6, ...A6, ...advert];
  assert.deepEqual(await answers(solicitation(R6, PEER)), [hex(wanted)]);
  assert.equal(punted(), before);
  await answers(solicitation(R6, '02:00:00:00:00:09'));
  assert.equal(punted(), before + 1, 'it has moved');
  router.stack.addStatic(index, PEER6, Uint8Array.from(macBytes(PEER)));
  await answers(solicitation([...R6.slice(0, 15), 7], PEER));
  assert.equal(punted(), before + 2, 'not an address of ours');
  await answers(solicitation(R6, PEER, [...A6.slice(0, 15), 9]));
  assert.equal(punted(), before + 3, 'nobody we know');
  router.memory.views.heap[ifRecord(index) + If.TENTATIVE] = 1;
  await answers(solicitation(R6, PEER));
  assert.equal(punted(), before + 4, 'while an address of the interface may not be used');
  router.memory.views.heap[ifRecord(index) + If.TENTATIVE] = 0;
});

/** The words of an address in bytes. */
const wordsOf = (bytes: number[]): Int32Array =>
  Int32Array.from({ length: 4 }, (_, k) => Buffer.from(bytes).readInt32BE(4 * k));
/** An advertisement to the known neighbour, of an address that is asked for alone. */
function advertised(source: number[], target: number[], flags: number, to: number[]): string {
  const advert = [136, 0, 0, 0, flags, 0, 0, 0, ...target, 2, 1, ...macBytes(OURS)];
  const checksum = sum([...source, ...to, 0, 0, 0, 32, 0, 0, 0, 58, ...advert]);
  advert.splice(2, 2, checksum >> 8, checksum & 255);
  return hex([...back, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255, ...source, ...to, ...advert]);
}
/** Makes what is sent to a group be sent to the one station whose address it is about. */
function alone(frame: number[], target: number[]): number[] {
  const all = [...macBytes(OURS), ...frame.slice(6)];
  all.splice(14 + 24, 16, ...target);
  all.splice(14 + 42, 2, 0, 0);
  const checksum = sum([...all.slice(14 + 8, 14 + 40), 0, 0, 0, 32, 0, 0, 0, 58, ...all.slice(14 + 40)]);
  all.splice(14 + 42, 2, checksum >> 8, checksum & 255);
  return all;
}
const LINK = [0xfe, 0x80, 0, 0, 0, 0, 0, 0];
const OWN_LINK = [...LINK, 0, 0, 0, 0xff, 0xfe, 0, 0, 1];
const PEER_LINK = [...LINK, 0, 0, 0, 0xff, 0xfe, 0, 0, 2];

test('a solicitation for the link-local address is answered by the worker', async () => {
  router.stack.addStatic(index, wordsOf(PEER_LINK), Uint8Array.from(macBytes(PEER)));
  router.stack.addStatic(index, PEER6, Uint8Array.from(macBytes(PEER)));
  const before = punted();
  for (const from of [PEER_LINK, A6]) {
    const wanted = [advertised(OWN_LINK, OWN_LINK, 0xe0, from)];
    assert.deepEqual(await answers(solicitation(OWN_LINK, PEER, from)), wanted);
    assert.deepEqual(await answers(alone(solicitation(OWN_LINK, PEER, from), OWN_LINK)), wanted);
  }
  assert.equal(punted(), before);
  await answers(solicitation([...OWN_LINK.slice(0, 15), 9], PEER));
  assert.equal(punted(), before + 1, 'of somebody else');
});

test('who asks us alone for an address that is proxied is answered by the worker, at once and from our own', async () => {
  const words = ifconfigOn(router);
  const other = [0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
  await words('mem1 inet6 2001:db8:1::1/64');
  const ask = alone(solicitation(other, PEER), other);
  const forArp = (mac: number[]): number[] => [
    ...[
      ...mac,
      ...macBytes(PEER),
      8,
      6,
      0,
      1,
      8,
      0,
      6,
      4,
      0,
      1,
      ...macBytes(PEER),
      ...A,
      0,
      0,
      0,
      0,
      0,
      0,
      198,
      18,
      1,
      9,
    ],
  ];
  const spec = router.table.get('mem0').spec;
  assert.ok(!spec.proxynd && !spec.proxyarp);
  assert.deepEqual(await answers(forArp(macBytes(OURS))), [], 'nobody has asked us to');
  await router.change((draft) =>
    Object.assign(draft.state.interfaces.get('mem0') as object, { proxynd: true, proxyarp: true }),
  );
  const before = punted();
  assert.deepEqual(await answers(ask), [advertised(OWN_LINK, other, 0xc0, A6)]);
  const reply = [...back, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, ...macBytes(OURS), 198, 18, 1, 9, ...macBytes(PEER), ...A];
  assert.deepEqual(await answers(forArp(macBytes(OURS))), [hex(reply)]);
  assert.equal(punted(), before);
  await answers(solicitation(other, PEER));
  await answers(forArp(new Array(6).fill(255)));
  assert.equal(punted(), before + 2, 'asked of all: answered late');
});

test('the books balance', async () => {
  await router.grace();
  assert.deepEqual(router.books().errors, []);
});
