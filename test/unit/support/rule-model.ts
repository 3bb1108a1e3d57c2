/**
 * What bridge rules say, written from spec A §2.3 alone: rules and frames as text, one rule after the other. And the same frames
 * given to the rule walk.
 */
import { compileRule, parseRule, type RuleSpec } from '../../../src/main/config/rule.js';
import { buildRuleList, type CompiledRule, makeRuleWalk, Verdict } from '../../../src/shared/table/rule-list.js';
import { dstHi, dstLo, etherType, srcHi, srcLo } from '../../../src/shared/wire/ethernet.js';

/** What becomes of a frame: blocked, or passed with a tag, '' = the one it had. */
export type Outcome = 'block' | { readonly tag: string };

/** A frame as its tests write it. */
export interface TestFrame {
  readonly dst: string;
  readonly src: string;
  /** Ethertype, four hex digits. */
  readonly type: string;
  /** What follows, in hex. */
  readonly payload: string;
  /** Bytes that count; those after them are in memory but not of the frame. */
  readonly length: number;
}

/** Payload of an ARP packet. */
export function arpPacket(
  op: number,
  sha: string,
  spa: string,
  tha: string,
  tpa: string,
  head = '000108000604',
): string {
  const hex = (quad: string): string => Buffer.from(quad.split('.').map(Number)).toString('hex');
  const mac = (text: string): string => text.replaceAll(':', '');
  return `${head}${op.toString(16).padStart(4, '0')}${mac(sha)}${hex(spa)}${mac(tha)}${hex(tpa)}`;
}

/** What the rules say of a frame. */
export function expected(rules: readonly RuleSpec[], frame: TestFrame): Outcome {
  const arp = packetOf(frame);
  let tag = '';
  for (const rule of rules) {
    if (rule.arp !== '') {
      if (arp === undefined || arp.kind !== rule.arp) continue;
      if (rule.op !== '' && rule.op !== arp.op) continue;
      if (rule.sha !== '' && rule.sha !== arp.sha) continue;
      if (rule.tha !== '' && rule.tha !== arp.tha) continue;
      if (rule.spa !== '' && rule.spa !== arp.spa) continue;
      if (rule.tpa !== '' && rule.tpa !== arp.tpa) continue;
    }
    if (rule.src !== '' && rule.src !== frame.src) continue;
    if (rule.dst !== '' && rule.dst !== frame.dst) continue;
    if (rule.action === 'block') return 'block';
    if (rule.tag !== '') tag = rule.tag;
    if (rule.action === 'pass') break;
  }
  return { tag };
}

/** The ARP or RARP packet of a frame that a rule may look into. */
function packetOf({ type, payload, length }: TestFrame) {
  if ((type !== '0806' && type !== '8035') || length < 14 + 28) return undefined;
  if (!payload.startsWith('000108000604')) return undefined;
  const op = Number.parseInt(payload.slice(12, 16), 16);
  const kind = type === '0806' ? 'arp' : 'rarp';
  const ops = kind === 'arp' ? [1, 2] : [3, 4];
  if (!ops.includes(op)) return undefined;
  const mac = (at: number): string =>
    payload
      .slice(at, at + 12)
      .match(/../g)
      ?.join(':') ?? '';
  const quad = (at: number): string => Buffer.from(payload.slice(at, at + 8), 'hex').join('.');
  return {
    kind,
    op: op === ops[0] ? 'request' : 'reply',
    ...{ sha: mac(16), spa: quad(28), tha: mac(36), tpa: quad(48) },
  };
}

const FRAME_WORDS = 64;
const GARBAGE = 0x55555555;

/** Rule lists in a heap with garbage around them, and frames in memory. */
export class RuleBench {
  private readonly tags = [''];
  /** Words of the heap that the last walk loaded. */
  loads = 0;
  /** 16-bit words of the frame that it loaded, counted from the frame's first. */
  frameWords: number[] = [];

  /** The numeric form of rules, their tags numbered as they come. */
  compile(rules: readonly RuleSpec[]): CompiledRule[] {
    return rules.map((rule) => {
      if (!this.tags.includes(rule.tag)) this.tags.push(rule.tag);
      return compileRule(rule, this.tags.indexOf(rule.tag));
    });
  }

  /** A walk over these rules, their record at word `at` of a heap. */
  list(rules: readonly RuleSpec[], at = 48, key = 1): (frame: TestFrame, offset?: number) => Outcome {
    const record = buildRuleList(this.compile(rules), key);
    const heap = new Int32Array(at + record.length + 16).fill(GARBAGE);
    heap.set(record, at);
    const memory = new Uint16Array(FRAME_WORDS + 256);
    let first = 0;
    const walk = makeRuleWalk(
      watched(heap, () => this.loads++),
      watched(memory, (w) => this.frameWords.push(w - first)),
    );
    return (frame, offset = 0) => {
      const { dst, src, type, payload, length } = frame;
      const bytes = new Uint8Array(memory.buffer).fill(0xee);
      bytes.set(Buffer.from(`${dst}${src}`.replaceAll(':', '') + type + payload, 'hex'), offset);
      first = offset >> 1;
      this.loads = 0;
      this.frameWords = [];
      const header = [dstHi, dstLo, srcHi, srcLo, etherType].map((get) => get(memory, offset));
      return this.outcome(walk(at, offset, length, ...(header as [number, number, number, number, number])));
    };
  }

  /** What a walk returned. */
  private outcome(verdict: number): Outcome {
    if (verdict === Verdict.BLOCK) return 'block';
    const tag = this.tags[verdict >> Verdict.TAG_SHIFT];
    if ((verdict & Verdict.BLOCK) !== 0 || tag === undefined) throw new Error(`no verdict: ${verdict}`);
    return { tag };
  }
}

/** Rules from lines of `ifconfig`'s grammar without `on PORT`. */
export function rulesOf(...lines: string[]): RuleSpec[] {
  return lines.map((line) => parseRule(line.replace(/^\w+/, '$& on p').split(' ')).rule);
}

/** The array, telling of each index that is read. Throws for one outside of it. */
function watched<T extends Int32Array | Uint16Array>(array: T, read: (index: number) => void): T {
  return new Proxy(array, {
    get(target, property) {
      const index = Number(property);
      if (!(index >= 0 && index < target.length)) throw new Error(`index ${String(property)} of ${target.length}`);
      read(index);
      return target[index];
    },
  });
}
