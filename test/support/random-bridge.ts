/**
 * Random bridges and random frames for them: few stations, so that they meet, and everything that a veb can be told.
 */
import { formatMac } from '../../src/shared/wire/ethernet.js';
import { arpPacket } from '../unit/support/rule-model.js';
import { ipv4Packet, ipv6Packet } from './ip-frame.js';
import { macBytes } from './rig.js';
import type { ModelFrame } from './veb-model.js';

/** Where a frame's number is, and its length. */
const NUMBER_AT = 64;
const LENGTH = 68;

type Random = (below: number) => number;

export const STATIONS = Array.from({ length: 8 }, (_, n) => formatMac({ hi: 0x0002, lo: (n + 1) << 24 }));
const GROUPS = ['ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '33:33:00:00:00:01'];
const RESERVED = ['01:80:c2:00:00:00', '01:80:c2:00:00:0e', '01:80:c2:00:00:0b'];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '255.255.255.255'];
const TAGS = ['red', 'blue', 'green'];

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)] as T;
}

/** The number that a frame was made with. */
export function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(NUMBER_AT);
}

/** A random frame that carries `number`. */
export function randomFrame(random: Random, number: number): ModelFrame {
  const odd = random(20);
  const dst = odd === 0 ? pick(random, RESERVED) : pick(random, odd < 6 ? GROUPS : STATIONS);
  const src = random(40) === 0 ? pick(random, [...GROUPS, '00:00:00:00:00:00']) : pick(random, STATIONS);
  const [type, payload, badIp] = randomPacket(random);
  const bytes = new Uint8Array(LENGTH);
  bytes.set([...macBytes(dst), ...macBytes(src), type >> 8, type & 255, ...payload]);
  new DataView(bytes.buffer).setUint32(NUMBER_AT, number);
  return { bytes, dst, src, type, badIp };
}

function randomPacket(random: Random): [number, readonly number[], boolean] {
  const kind = random(12);
  const bad = random(4) === 0;
  if (kind < 3) return [0x0800, ipv4Packet(bad ? { 8: 1 } : {}), bad];
  if (kind < 5) return [0x86dd, ipv6Packet(bad ? { 0: 0x50 } : {}), bad];
  if (kind < 9) {
    const packet = arpPacket(
      random(5),
      pick(random, STATIONS),
      pick(random, ADDRESSES),
      pick(random, STATIONS),
      pick(random, ADDRESSES),
      bad ? '000608000604' : undefined,
    );
    return [kind < 7 ? 0x0806 : 0x8035, [...Buffer.from(packet, 'hex')], false];
  }
  return [pick(random, [0x88b5, 0x88b5, 0x8100, 0x88a8, 0x0805]), [], false];
}

/** A random rule for a port, in words. */
export function randomRule(random: Random, port: string): string {
  const some = (word: string, values: readonly string[]): string =>
    random(3) === 0 ? ` ${word} ${pick(random, values)}` : '';
  const action = pick(random, ['block', 'block', 'pass', 'match']);
  const dir = pick(random, ['', ' in', ' out', ' in/out']);
  let rule = `${action}${dir} on ${port}${some('src', STATIONS)}${some('dst', [...STATIONS, ...GROUPS])}`;
  rule += some('tag', TAGS);
  if (random(2) === 0) {
    rule += pick(random, [' arp', ' rarp']) + pick(random, ['', '', ' request', ' reply']);
    rule += `${some('sha', STATIONS)}${some('tha', STATIONS)}${some('spa', ADDRESSES)}${some('tpa', ADDRESSES)}`;
  }
  // A rule for every frame that blocks would leave nothing to compare.
  return /^block( (in|out|in\/out))? on \S+( tag \w+)?$/.test(rule) ? `${rule} src ${pick(random, STATIONS)}` : rule;
}

/** Lines that make veb0 of `names`, some of them its ports, some its span ports, some neither. */
export function randomBridge(random: Random, names: readonly string[]): string[] {
  const lines = names.map((name) => `${name} create ${random(12) === 0 ? '' : 'up'}`);
  lines.push(`veb0 create ${random(20) === 0 ? '' : 'up'} maxaddr ${pick(random, [4, 100])}`);
  for (const link of ['link0', 'link1', 'link2']) if (random(2) === 0) lines.push(`veb0 ${link}`);
  const ports: string[] = [];
  for (const name of names) {
    const place = random(8);
    if (place === 0) lines.push(`veb0 addspan ${name}`);
    if (place < 2) continue;
    lines.push(`veb0 add ${name}`);
    ports.push(name);
    for (let n = random(4); n > 0; n--) lines.push(randomSetting(random, name));
  }
  const statics = random(4);
  for (let n = 0; n < statics && ports.length > 0; n++)
    lines.push(`veb0 static ${pick(random, ports)} ${STATIONS[n] as string}`);
  return lines;
}

/** A change of what is set on a port of veb0. */
export function randomSetting(random: Random, port: string): string {
  const settings = [
    () => pick(random, ['learn', '-learn', 'discover', '-discover', 'blocknonip', '-blocknonip', '-protected']),
    () => 'protected',
    () => 'rule',
    () => 'rule',
    () => 'flushrule',
  ];
  const word = pick(random, settings)();
  if (word === 'protected') return `veb0 protected ${port} ${1 + random(2)},${30 + random(2)}`;
  return word === 'rule' ? `veb0 rule ${randomRule(random, port)}` : `veb0 ${word} ${port}`;
}
