/**
 * Bridge rules as text (spec A §2.1, §2.2, §2.4, choices of rows A71–A80): words to a plain value, and back to a line that
 * reads as the same rule. Main only. Which interfaces exist is not known here.
 */
import { type CompiledRule, RuleAction } from '../../shared/table/rule-list.js';
import { formatMac, type Mac, parseMac } from '../../shared/wire/ethernet.js';
import { formatIpv4, parseIpv4 } from '../../shared/wire/ipv4-address.js';
import { ControlError } from '../errors.js';
import { NAME_MAX } from './state.js';

/** A rule of a port; the port is not part of it. An empty text stands for any. */
export interface RuleSpec {
  readonly action: 'block' | 'pass' | 'match';
  readonly dir: 'in' | 'out' | 'in/out';
  /** Addresses as `formatMac` prints them. */
  readonly src: string;
  readonly dst: string;
  readonly tag: string;
  readonly arp: '' | 'arp' | 'rarp';
  readonly op: '' | 'request' | 'reply';
  readonly sha: string;
  readonly tha: string;
  /** Dotted quads. */
  readonly spa: string;
  readonly tpa: string;
}

/** A rule and the port it is for. */
export interface PortRule {
  readonly port: string;
  readonly rule: RuleSpec;
}

/** Longest tag name, in bytes. */
export const TAG_MAX = 63;
/** Limits of a line of a rule file: bytes without the line end, and words. */
const LINE_MAX = 1023;
const WORDS_MAX = 32;

const ACTIONS: readonly string[] = ['block', 'pass', 'match'];
const DIRECTIONS: readonly string[] = ['in', 'out', 'in/out'];

/** Thrown within this file for a rule that breaks the grammar; its words are the message. */
class BadRule extends Error {}

/** Why a word is no MAC address: the one fault of a rule that names itself. */
class BadAddress extends BadRule {}

/**
 * Reads the words after `rule`. Throws EINVAL with `invalid rule: WORDS ` (each word followed by a blank), or with
 * `invalid address: X` for a word after `src` or `dst` that is no MAC address (spec A §2.1).
 *
 * Names of ports and tags that could not be read back from a printed line (blanks, quotes, a leading `#`) are refused too.
 */
export function parseRule(words: readonly string[]): PortRule {
  try {
    return readRule(words);
  } catch (error) {
    if (!(error instanceof BadRule)) throw error;
    if (error instanceof BadAddress) throw new ControlError('EINVAL', `invalid address: ${error.message}`);
    throw new ControlError('EINVAL', words.length === 0 ? 'invalid rule' : `invalid rule: ${spelled(words)}`);
  }
}

/** The line of `ifconfig` listings without its tab (spec A §2.4); `parseRule` of its words gives the same rule. */
export function formatRule(port: string, rule: RuleSpec): string {
  const words: string[] = [rule.action, rule.dir, 'on', port];
  for (const name of ['src', 'dst', 'tag'] as const) if (rule[name] !== '') words.push(name, rule[name]);
  if (rule.arp !== '') words.push(rule.arp);
  if (rule.op !== '') words.push(rule.op);
  for (const name of ['sha', 'tha', 'spa', 'tpa'] as const) if (rule[name] !== '') words.push(name, rule[name]);
  return words.join(' ');
}

/**
 * Reads a rule file (spec A §2.2): a line a rule, words apart by blanks, no quoting, lines that begin with `#` and empty ones
 * left out. It is read whole: if any line is bad, throws one EINVAL whose message has a line for each of them
 * (`invalid rule: LINE: WORDS `, or `FILE:LINE: …` for a line that breaks a limit), and no rule is returned.
 */
export function parseRuleFile(file: string, text: string): PortRule[] {
  const rules: PortRule[] = [];
  const faults: string[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line === '' || line === '\r' || line.startsWith('#')) continue;
    const words = line.split(/[ \t\r]+/).filter((word) => word !== '');
    if (Buffer.byteLength(line) > LINE_MAX) faults.push(`${file}:${i + 1}: longer than ${LINE_MAX} bytes`);
    else if (words.length > WORDS_MAX) faults.push(`${file}:${i + 1}: more than ${WORDS_MAX} words`);
    else {
      try {
        rules.push(readRule(words));
      } catch (error) {
        if (!(error instanceof BadRule)) throw error;
        faults.push(`invalid rule: ${i + 1}: ${spelled(words)}`);
      }
    }
  }
  if (faults.length > 0) throw new ControlError('EINVAL', faults.join('\n'));
  return rules;
}

/** The rule in numbers, as the workers' rule lists are built from. `tag` is the number of its tag name, 0 if it has none. */
export function compileRule(rule: RuleSpec, tag: number): CompiledRule {
  const { arp } = rule;
  const first = arp === 'rarp' ? 3 : 1;
  return {
    action: { block: RuleAction.BLOCK, pass: RuleAction.PASS, match: RuleAction.MATCH }[rule.action],
    tag,
    src: parseMac(rule.src),
    dst: parseMac(rule.dst),
    arp,
    op: rule.op === '' ? 0 : first + (rule.op === 'reply' ? 1 : 0),
    sha: parseMac(rule.sha),
    tha: parseMac(rule.tha),
    spa: parseIpv4(rule.spa),
    tpa: parseIpv4(rule.tpa),
  };
}

/** The words as an error spells them. */
function spelled(words: readonly string[]): string {
  return words.map((word) => `${word} `).join('');
}

/** The grammar of spec A §2.1. Throws `BadRule`. */
function readRule(words: readonly string[]): PortRule {
  let at = 0;
  const take = (): string => words[at++] ?? bad();
  const action = oneOf(ACTIONS, take());
  const dir = DIRECTIONS.includes(words[at] ?? '') ? take() : 'in/out';
  if (take() !== 'on') bad();
  const port = name(take(), NAME_MAX);
  const found = { src: '', dst: '', tag: '', arp: '', op: '', sha: '', tha: '', spa: '', tpa: '' };

  const takeArp = (): void => {
    for (; at < words.length; at++) {
      const word = words[at];
      if (word === 'request' || word === 'reply') found.op = word;
      else if (word === 'sha' || word === 'tha') found[word] = mac(words[++at] ?? '') ?? bad();
      else if (word === 'spa' || word === 'tpa') found[word] = ipv4(words[++at] ?? '') ?? bad();
      else break;
    }
  };
  while (at < words.length) {
    const word = take();
    if (word === 'arp' || word === 'rarp') {
      // Both in one rule can never match (spec A §2.1).
      if (found.arp !== '' && found.arp !== word) bad();
      found.arp = word;
      takeArp();
    } else if (word === 'src' || word === 'dst') {
      const text = take();
      if (found[word] !== '') bad();
      found[word] = mac(text) ?? badAddress(text);
    } else if (word === 'tag') {
      if (found.tag !== '') bad();
      found.tag = name(take(), TAG_MAX);
    } else bad();
  }
  return { port, rule: { action, dir, ...found } as RuleSpec };
}

function oneOf(known: readonly string[], word: string): string {
  return known.includes(word) ? word : bad();
}

/** A name that is one word wherever it is printed: no blanks, no control characters, no quotes, no comment. */
function name(word: string, most: number): string {
  return /^(?!#)[^\s\p{C}"'\\]+$/u.test(word) && Buffer.byteLength(word) <= most ? word : bad();
}

function mac(text: string): string | undefined {
  const value: Mac | undefined = parseMac(text);
  return value === undefined ? undefined : formatMac(value);
}

function ipv4(text: string): string | undefined {
  const value = parseIpv4(text);
  return value === undefined ? undefined : formatIpv4(value);
}

function bad(): never {
  throw new BadRule();
}

function badAddress(text: string): never {
  throw new BadAddress(text);
}
