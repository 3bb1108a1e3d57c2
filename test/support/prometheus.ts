/**
 * What tests of the exposition, the alert rules and the dashboard share: Prometheus' programs, the metrics that are exported
 * with their labels, and the names that a PromQL expression uses.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createMetrics } from '../../metrics/registry.js';
import type { MeteredInterface, MetricsSource } from '../../metrics/source.js';
import { readBooks } from '../../src/shared/counter/books.js';
import { DROP_REASONS } from '../../src/shared/counter/drop-reason.js';
import { Lane, laneOf } from '../../src/shared/layout/counters.js';
import { If, IfFlag, ifRecord } from '../../src/shared/layout/heap.js';
import { ringInit } from '../../src/shared/ring/ring.js';
import { smallViews } from '../unit/support/small-views.js';

export const PROMETHEUS = '/usr/bin/prometheus';
export const PROMTOOL = '/usr/bin/promtool';

/** The repository's metrics/ folder. */
export const METRICS = fileURLToPath(new URL('../../../metrics/', import.meta.url));

/** For node:test's `skip`: false, or that a program of Debian's package prometheus is missing. */
export function needs(...programs: string[]): string | false {
  const missing = programs.filter((program) => !existsSync(program));
  return missing.length > 0 && `needs ${missing.join(' and ')} (package prometheus)`;
}

/** Runs promtool to its end. */
export function promtool(args: readonly string[], input = ''): { status: number | null; output: string } {
  const options = { encoding: 'utf8', input, timeout: 60_000, killSignal: 'SIGKILL' } as const;
  const { status, stdout, stderr } = spawnSync(PROMTOOL, args, options);
  return { status, output: stdout + stderr };
}

// ---- a source that has one of everything

/** What a collection over the source asked for. */
export interface CountedSource {
  readonly source: MetricsSource;
  readonly names: readonly string[];
  /** How often `books()` was called. */
  booked(): number;
}

/**
 * A source of `count` interfaces, the first of them veb0, the others ports tap1 …, each with traffic and with drops for every
 * reason.
 */
export function countedSource(count: number): CountedSource {
  const workers = 2;
  const views = smallViews(workers + 1);
  const interfaces: MeteredInterface[] = Array.from({ length: count }, (_, n) => {
    const type = n === 0 ? 'veb' : 'tap';
    return { index: n + 1, name: `${type}${n}`, type, device: n > 0, rdomain: 0 };
  });
  for (const { index } of interfaces) {
    views.heap[ifRecord(index) + If.FLAGS] = IfFlag.UP | IfFlag.RUNNING;
    for (let thread = 0; thread < workers; thread++) {
      views.counters.fill(
        1000 * index + thread,
        laneOf(thread, index),
        laneOf(thread, index) + Lane.DROPS + DROP_REASONS.length,
      );
    }
  }
  ringInit(views.rings, 0, 4);
  let booked = 0;
  const source: MetricsSource = {
    views,
    workers,
    interfaces: () => interfaces,
    listeners: () => [{ listener: 'http', count: 1, most: 1024, refused: 0, ended: 0 }],
    logLost: () => 0,
    captures: () => [
      {
        ...{ capture: 0, interface: 'veb0', type: 'EN10MB', to: '/var/log/veb0.pcap', files: 1 },
        ...{ received: 7, captured: 5, dropped: 2, written: 4, bytes: 400 },
      },
    ],
    vebs: () => [{ name: 'veb0', index: 1, addresses: 4, limit: 100 }],
    streams: () => ({
      tracked: [
        {
          ...{ interface: 'erspan0', source: '192.0.2.2', session: 5 },
          ...{ received: 9, lost: 2, reordered: 3, duplicate: 4, restarts: 1 },
        },
      ],
      untracked: 6,
    }),
    rings: () => [{ name: 'worker0-worker1', base: 0 }],
    smr: () => ({ epoch: 41, deferredObjects: 2, deferredBytes: 640, laggards: [] }),
    books: () => {
      booked++;
      return readBooks(views, interfaces, []);
    },
    uptimeMs: () => 3000,
    replacements: () => 0,
    held: () => Array.from({ length: workers }, () => ({ frames: 1, superframes: 64, unfinished: 0 })),
    leaks: () => ({ memory: 1 }),
    ready: () => true,
    mainFree: () => ({ frames: 5, superframes: 6 }),
    sids: () => [{ rdomain: 0, prefix: 'fc00:12:100::6004/128', packets: 3, bytes: 444, errors: 1 }],
  };
  return { source, names: interfaces.map(({ name }) => name), booked: () => booked };
}

/** One line of an exposition. */
export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** The samples of a text exposition. Throws at a line that is none. */
export function samples(text: string): Sample[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`not a sample: ${line}`);
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, k, v]) => [k, v] as const);
    return { name, labels: new Map(pairs), value: Number(value) };
  });
}

/** Every series name that smrouter exports, with the labels it has. */
export async function exported(): Promise<Map<string, Set<string>>> {
  const { body } = await createMetrics(countedSource(3).source).scrape('');
  const all = new Map<string, Set<string>>();
  for (const { name, labels } of samples(body)) {
    const known = all.get(name) ?? new Set();
    for (const label of labels.keys()) known.add(label);
    all.set(name, known);
  }
  return all;
}

/** Labels that Prometheus adds to every series of a target. */
export const TARGET_LABELS: readonly string[] = ['job', 'instance'];

/** Series that Prometheus makes itself. */
export const OWN_SERIES: readonly string[] = ['up'];

// ---- PromQL

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

export interface Selector {
  readonly name: string;
  readonly matchers: readonly Matcher[];
}

/** What an expression names. */
export interface Named {
  readonly selectors: readonly Selector[];
  /** Labels of by, without, on, ignoring, group_left, group_right. */
  readonly grouping: readonly string[];
}

const TOKEN = /\s+|#.*|"(?:[^"\\]|\\.)*"|\d[\w.]*|\$?[a-zA-Z_:][\w:]*|=~|!~|[!=<>]=|[-+*/%^=<>(){}[\],@]/y;
const OPERATORS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'atan2', 'inf', 'nan']);
const GROUPING = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);

function tokens(expression: string): string[] {
  const found: string[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < expression.length; at = TOKEN.lastIndex) {
    const [text] = TOKEN.exec(expression) ?? [];
    if (text === undefined) throw new Error(`not PromQL at "${expression.slice(at)}"`);
    if (!/^[\s#]/.test(text)) found.push(text);
  }
  return found;
}

/** Whether `word` is a metric: a function or an aggregation has a bracket or by (…) behind it. */
function isSelector(word: string, next: string | undefined): boolean {
  if (!/^[a-zA-Z_:]/.test(word) || OPERATORS.has(word)) return false;
  return next === undefined || (next !== '(' && !GROUPING.has(next));
}

/** Reads the names in an expression; that it is PromQL otherwise is for promtool to say. */
export function namesIn(expression: string): Named {
  const all = tokens(expression);
  const selectors: Selector[] = [];
  const grouping: string[] = [];
  for (let at = 0; at < all.length; at++) {
    const word = all[at];
    if (word === '[') at = all.indexOf(']', at);
    else if (GROUPING.has(word) && all[at + 1] === '(') {
      const end = all.indexOf(')', at);
      grouping.push(...all.slice(at + 2, end).filter((token) => token !== ','));
      at = end;
    } else if (isSelector(word, all[at + 1])) {
      const matchers: Matcher[] = [];
      if (all[at + 1] === '{') {
        const end = all.indexOf('}', at);
        for (let m = at + 2; m < end; m += 4) {
          matchers.push({ label: all[m], operator: all[m + 1], value: JSON.parse(all[m + 2]) as string });
        }
        at = end;
      }
      selectors.push({ name: word, matchers });
    }
  }
  return { selectors, grouping };
}

/** Every name and label of `expression` that is not among `known`, in words. None when all is well. */
export function unknownNames(expression: string, known: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const { selectors, grouping } = namesIn(expression);
  const wrong: string[] = selectors.length === 0 ? ['it names no metric'] : [];
  for (const { name, matchers } of selectors) {
    const labels = OWN_SERIES.includes(name) ? new Set<string>() : known.get(name);
    if (labels === undefined) wrong.push(`nobody exports ${name}`);
    else {
      const bad = matchers.filter(({ label }) => !labels.has(label) && !TARGET_LABELS.includes(label));
      wrong.push(...bad.map(({ label }) => `${name} has no label ${label}`));
    }
  }
  const all = labelsOf(selectors, known);
  wrong.push(...grouping.filter((label) => !all.has(label)).map((label) => `grouped by ${label}, which nothing has`));
  return wrong;
}

/** Labels that the result of `expression` can have. */
export function resultLabels(expression: string, known: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const { selectors, grouping } = namesIn(expression);
  return grouping.length > 0 ? new Set(grouping) : labelsOf(selectors, known);
}

function labelsOf(selectors: readonly Selector[], known: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  return new Set([...TARGET_LABELS, ...selectors.flatMap(({ name }) => [...(known.get(name) ?? [])])]);
}

// ---- the rule files

export type Yaml = string | readonly Yaml[] | { readonly [key: string]: Yaml };

interface Line {
  readonly indent: number;
  readonly text: string;
}

/** Reads a YAML file of block mappings, block sequences, one-line scalars, `[]` and `|` blocks. Throws at anything else. */
export function readYaml(path: string): Yaml {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => /^\s*[^\s#]/.test(line))
    .map((line) => ({ indent: line.search(/\S/), text: line.trim() }));
  const value = block(lines);
  if (lines.length > 0) throw new Error(`${path}: cannot read "${lines[0]?.text}"`);
  return value;
}

/** Takes the block that `lines` begins with. */
function block(lines: Line[]): Yaml {
  const { indent, text } = lines[0] as Line;
  const here = (): boolean => lines[0]?.indent === indent;
  if (text.startsWith('- ')) {
    const list: Yaml[] = [];
    while (here() && lines[0]?.text.startsWith('- ')) {
      const item = { indent: indent + 2, text: (lines[0] as Line).text.slice(2) };
      lines.shift();
      if (/^\w+:( |$)/.test(item.text)) {
        lines.unshift(item);
        list.push(block(lines));
      } else list.push(scalar(item.text));
    }
    return list;
  }
  const map: Record<string, Yaml> = {};
  while (here()) {
    const [, key, rest] = /^(\w+):(?: (.*))?$/.exec((lines[0] as Line).text) ?? [];
    if (key === undefined || key in map) throw new Error(`cannot read "${lines[0]?.text}"`);
    lines.shift();
    if (rest === '|') {
      const text: string[] = [];
      while (lines[0] !== undefined && lines[0].indent > indent) text.push((lines.shift() as Line).text);
      map[key] = text.join('\n');
    } else map[key] = rest === undefined ? block(lines) : scalar(rest);
  }
  return map;
}

function scalar(text: string): Yaml {
  if (text === '[]') return [];
  if (text.startsWith('"')) return JSON.parse(text) as string;
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  if (/^[[{&*!|>%@`]|: |\s#/.test(text)) throw new Error(`cannot read "${text}"`);
  return text;
}
