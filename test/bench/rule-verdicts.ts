/**
 * The verdict of rules alone, for lists of 0, 8 and 1000 rules, beside a plain walk over objects; a quarter of the frames meet a
 * rule. A thread of its own: a walk is at full speed where it is made only once.
 */
import { parentPort } from 'node:worker_threads';
import { compileRule } from '../../src/main/config/rule.js';
import {
  buildRuleList,
  type CompiledRule,
  makeRuleWalk,
  RuleAction,
  type RuleWalk,
} from '../../src/shared/table/rule-list.js';
import { Arp } from '../../src/shared/wire/arp.js';
import { Ether, EtherType } from '../../src/shared/wire/ethernet.js';
import { interleaved, type Measured, round } from './bench.js';
import { benchRule, DST_HI, LISTS, SRC_HI } from './bench-rules.js';

const FRAMES = 1024;
const BYTES = 64;
const PAIRS = 9;
const RUN_MS = 60;
const AT = 64;
const HASH_KEY = 0x5eed1234;

/** The same in numbers. A quarter of the rules have a tag. */
function compiled(n: number): CompiledRule {
  return compileRule(benchRule(n), (n & 3) === 1 ? 1 : 0);
}

/** Frames to be judged: headers in arrays, as veb input holds them. Made once, so that the walk is too. */
class Frames {
  readonly u16 = new Uint16Array((FRAMES * BYTES) / 2);
  readonly type = new Int32Array(FRAMES);
  readonly lo = new Int32Array(FRAMES);

  /** One in eight is an ARP request. A quarter of the stations and senders are those of a list of `rules` rules. */
  fill(rules: number): void {
    const bytes = new Uint8Array(this.u16.buffer);
    for (let i = 0; i < FRAMES; i++) {
      const n = (i & 3) === 0 && rules > 0 ? (i * 7919) % rules : 1_000_000 + i;
      this.type[i] = (i >> 2) % 8 === 0 ? EtherType.ARP : 0xb588;
      this.lo[i] = n;
      const packet = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0, 10, 0, (n >> 8) & 255, n & 255];
      bytes.set(packet, i * BYTES + Ether.LENGTH);
    }
  }
}

/** A plain walk over objects, first match wins. */
function plainWalk(rules: readonly CompiledRule[], u16: Uint16Array) {
  return (offset: number, dHi: number, dLo: number, sHi: number, sLo: number, type: number): number => {
    let tag = 0;
    for (const r of rules) {
      if (r.arp !== '') {
        const w = offset >> 1;
        if (type !== EtherType.ARP || u16[w + Arp.HARDWARE] !== 0x0100) continue;
        if (r.op !== 0 && u16[w + Arp.OP] !== r.op << 8) continue;
        if (r.spa !== undefined && (u16[w + Arp.SPA] | (u16[w + Arp.SPA + 1] << 16)) !== r.spa) continue;
      }
      if (r.src !== undefined && (r.src.lo !== sLo || r.src.hi !== sHi)) continue;
      if (r.dst !== undefined && (r.dst.lo !== dLo || r.dst.hi !== dHi)) continue;
      if (r.action === RuleAction.BLOCK) return 1;
      if (r.tag !== 0) tag = r.tag;
      if (r.action === RuleAction.PASS) break;
    }
    return tag << 1;
  };
}

/** Nanoseconds a verdict of `judge`, which judges all frames and returns a sum of what it found. */
function measure(judge: () => number, sum: number): number {
  let rounds = 0;
  const start = performance.now();
  let now = start;
  for (; now - start < RUN_MS; now = performance.now(), rounds++) {
    if (judge() !== sum) throw new Error('the two walks disagree');
  }
  return ((now - start) * 1e6) / (rounds * FRAMES);
}

/** Both walks on the same frames and a list of `count` rules. */
async function compare(heap: Int32Array, frames: Frames, walk: RuleWalk, count: number): Promise<Measured> {
  const rules = Array.from({ length: count }, (_, n) => compiled(n));
  if (count > 0) heap.set(buildRuleList(rules, HASH_KEY), AT);
  const list = count === 0 ? 0 : AT;
  frames.fill(count);
  const { type, lo, u16 } = frames;
  const plain = plainWalk(rules, u16);
  const ours = (): number => {
    let sum = 0;
    for (let i = 0; i < FRAMES; i++) sum += walk(list, i * BYTES, BYTES, DST_HI, lo[i], SRC_HI, lo[i], type[i]);
    return sum;
  };
  const theirs = (): number => {
    let sum = 0;
    for (let i = 0; i < FRAMES; i++) sum += plain(i * BYTES, DST_HI, lo[i], SRC_HI, lo[i], type[i]);
    return sum;
  };
  const sum = theirs();
  for (let i = 0; i < 5; i++) {
    measure(ours, sum);
    measure(theirs, sum);
  }
  const { a, b, ratio, spread } = await interleaved(
    PAIRS,
    () => measure(ours, sum),
    () => measure(theirs, sum),
  );
  const peer = `a plain walk over objects (${round(b)} ns)`;
  return {
    value: round(a),
    unit: 'ns/verdict',
    ratio: round(1 / ratio),
    peer,
    note: `the verdict alone, ${count} rules; ${spread}`,
  };
}

/** Verdicts of lists of 0, 8 and 1000 rules. */
async function verdicts(): Promise<Measured[]> {
  const heap = new Int32Array(new SharedArrayBuffer(1 << 20));
  const frames = new Frames();
  const walk = makeRuleWalk(heap, frames.u16);
  const found: Measured[] = [];
  for (const count of LISTS) found.push(await compare(heap, frames, walk, count));
  return found;
}

parentPort?.postMessage(await verdicts());
