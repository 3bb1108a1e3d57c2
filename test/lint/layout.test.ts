/**
 * The layout rule of ARCHITECTURE.md: every shared word is a member of a const enum, says who writes it (`W:`, in its own
 * comment or its enum's), lies in a line of 128 bytes with words of the same kind of writer, and is stored by nobody else.
 *
 * It reads the sources as text. What it sees as a store: an assignment to `x[… Enum.MEMBER …]`, also by `++` and in a pattern, Atomics
 * operations that write, `fill`, `set` and `copyWithin`, also of a `subarray`, also through a variable that was set to the index. What is
 * handed to a function as an index it does not follow; Atomics under another name it refuses. A file of src/workers runs on workers, one of
 * src/main on main, one of src/shared on both, unless the function says "Main only" or "Workers only".
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { IF_BASE, IF_WORDS, SLAB_BASE, THREAD_BASE, THREAD_WORDS } from '../../src/shared/layout/heap.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const LAYOUT = 'src/shared/layout/';
const TABLES = 'src/shared/table/';

/** Enums of the layout whose members are words. */
const WORDS = new Set([
  ...['Control', 'Thread', 'If', 'PortList', 'Rules', 'Lane', 'Work', 'Meta', 'Ring'],
  ...['Table', 'Bucket', 'Entry'],
  ...['HostDevice', 'Queue'],
  ...['Rdomain', 'NeighbourTable', 'Neighbour', 'OwnSources'],
  ...['RuleList', 'PlainRule', 'RuleGroup', 'RuleEntry'],
  ...[
    'CaptureBell',
    'CaptureRing',
    'CaptureRecord',
    'CaptureList',
    'CaptureDescriptor',
    'CaptureFilter',
    'CaptureLane',
    'WriterBatch',
    'WriterLane',
    'TraceHead',
    'TraceWord',
  ],
  ...['PolicyRules', 'PolicyRule', 'Domain', 'DomainPrefix'],
  ...['Tunnel', 'TunnelState', 'TunnelTable', 'Receiver'],
  ...['Tunnel', 'TunnelState', 'TunnelTable', 'Receiver', 'SequenceTable', 'Stream'],
  ...['Fib4Head', 'Fib6Head', 'RangeBlock', 'HostTable', 'Host', 'NextHops', 'NextHop', 'NextHopGroup'],
  ...['SidCount', 'HmacKeys', 'HmacKeyWord'],
]);
/** Enums whose members are values or sizes. */
const VALUES = new Set([
  ...['IdlePolicy', 'IfType', 'IfFlag', 'PortFlag', 'Kind', 'Slot', 'SlotOwner', 'Learned', 'Offload', 'Look', 'Af'],
  ...['RuleAction', 'Verdict', 'Key'],
  ...['Direction', 'CaptureLink', 'FilterDrop', 'TraceEvent', 'WriterRest'],
  // The words of the last are a reader's own.
  ...['FibEntry', 'NextHopKind', 'Fib6Near'],
  ...['SidAction', 'SidFlavor', 'EncapFlag'],
  ...['TunnelFlag', 'TunnelPriority', 'Where'],
]);
/** Members of the former that are no words: how many there are, or by how much to shift. */
const CONSTANTS = new Set([
  'Rules.LISTS',
  'Neighbour.WORDS',
  'Lane.WORDS',
  'Work.WORDS',
  'Meta.SHIFT',
  'Bucket.END',
  'Bucket.SHIFT',
  'Entry.WORDS',
  'PlainRule.WORDS',
  'RuleGroup.WORDS',
  'RuleEntry.ETHER_WORDS',
  'RuleEntry.ARP_WORDS',
  'CaptureRing.RECORDS',
  'CaptureRecord.HEADER',
  'CaptureDescriptor.WORDS',
  'CaptureLane.WORDS',
  'WriterLane.WORDS',
  'TraceHead.WORDS',
  'TraceWord.WORDS',
  'PolicyRules.FIRST',
  'PolicyRule.WORDS',
  'Domain.FIRST',
  'DomainPrefix.WORDS',
  'Fib4Head.WORDS',
  'Fib6Head.WORDS',
  'HostDevice.QUEUE0',
  'Queue.WORDS',
  'Host.WORDS',
  'NextHops.WORDS',
  'OwnSources.WORDS',
  'NextHop.WORDS',
  'SidCount.WORDS',
  'HmacKeys.FIRST',
  'HmacKeyWord.WORDS',
  'Tunnel.WORDS',
  'TunnelState.WORDS',
  'Receiver.WORDS',
  'Stream.WORDS',
  'SequenceTable.STREAMS',
]);
/** Enums whose words share no line with those of another kind of writer. The others have one writer for a whole record. */
const APART = ['Control', 'Thread', 'Ring', 'CaptureRing', 'Table', 'Queue'];
/** 128 bytes. */
const LINE = 32;
/** Files of src/shared that run on one side only. */
const SIDE = new Map<string, Side>([
  ['src/shared/smr/reader.ts', 'worker'],
  ['src/shared/smr/reclaimer.ts', 'main'],
  ...['fib4', 'fib6', 'host-set', 'next-hop', 'policy-rules', 'own-sources', 'srv6-domain'].map(
    (name): [string, Side] => [`src/shared/table/${name}.ts`, 'main'],
  ),
]);

type Side = 'main' | 'worker' | 'writer';
type Files = ReadonlyMap<string, string>;

/** A member of an enum that is a word, and the text after its `W:`. */
interface Word {
  readonly name: string;
  readonly value: number;
  readonly writer: string;
}

describe('shared words', () => {
  const files = sources(['src', 'metrics']);

  it('every enum of the layout is known to hold words or values', () => {
    const unknown = [...enums(files).keys()].filter((name) => !WORDS.has(name) && !VALUES.has(name));
    assert.deepEqual(unknown, []);
  });
  it('each names its writer', () => assert.deepEqual(unnamed(files), []));
  it('no two are one', () => assert.deepEqual(overlapping(files), []));
  it('those of different kinds of writers are in different lines', () => assert.deepEqual(crowded(files), []));
  it('records begin with a line', () => {
    for (const base of [THREAD_BASE, THREAD_WORDS, IF_BASE, IF_WORDS, SLAB_BASE]) assert.equal(base % LINE, 0);
  });
  it('each is stored by its writers alone', () => {
    assert.ok(stores(files).length > 100, 'it sees stores at all');
    assert.deepEqual(strangers(files), []);
    assert.deepEqual(renamed(files), []);
  });
});

describe('the rule sees what breaks it', () => {
  const layout = (members: string, head = 'Words. R: all.') =>
    new Map([[`${LAYOUT}a.ts`, `/** ${head} */\nexport const enum Thread {\n${members}\n}\n`]]);
  const good = '  /** x. W: main. */\n  DOORBELL = 64,\n  /** y. W: that worker. */\n  STATE = 0,';

  it('a word without a writer', () => {
    assert.deepEqual(unnamed(layout('  /** The state. */\n  STATE = 0,')), ['Thread.STATE']);
    assert.deepEqual(unnamed(layout('  STATE = 0,')), ['Thread.STATE']);
    assert.deepEqual(unnamed(layout('  STATE = 0,', 'Words. W: main.')), []);
    assert.deepEqual(unnamed(layout(good)), []);
  });
  it('two words in one place', () => {
    assert.deepEqual(overlapping(layout('  /** W: main. */\n  A = 3,\n  /** W: main. */\n  B = 3,')), [
      'Thread.B is Thread.A',
    ]);
  });
  it('two writers in one line', () => {
    assert.deepEqual(crowded(layout(good.replace('64', '31'))), ['Thread.DOORBELL (main) and Thread.STATE (worker)']);
    assert.deepEqual(crowded(layout(good)), []);
  });

  const STORES = [
    'heap[b + Thread.X] = 1;',
    'ctx.heap[at(b) + Thread.X] += list[1];',
    'heap[b + Thread.X]++;',
    'heap[b + Thread.X] |= 1;',
    'Atomics.store(heap, b + Thread.X, 1);',
    'Atomics.add(ctx.heap, block(f(1), 2) + Thread.X, 1);',
    'if (Atomics.compareExchange(heap, b + Thread.X, 0, 1) === 0) go();',
    'heap.fill(0, b + Thread.X, b + 9);',
    'heap.set(list, b + Thread.X);',
    'const at = block(1) + Thread.X;\n  Atomics.store(heap, at, list);',
    'const at = b + Thread.X;\n  heap[at] = 3;',
    'let at = b + Thread.X;\n  heap[at] = 3;',
    'at = b + Thread.X;\n  heap[at] = 3;',
    'const go = (at = b + Thread.X) => {\n    heap[at] = 3;\n  };',
    "heap[b + Thread['X']] = 1;",
    "Atomics['store'](heap, b + Thread.X, 1);",
    '++heap[b + Thread.X];',
    '--ctx.views.heap[b + Thread.X];',
    'heap[b + Thread.X] **= 2;',
    'heap[b + Thread.X] ||= 2;',
    'heap[b + Thread.X] ??= 2;',
    '[heap[b + Thread.X]] = [1];',
    '[other, heap[b + Thread.X]] = list;',
    'heap.copyWithin(b + Thread.X, 0, 1);',
    'heap.subarray(b + Thread.X, b + 9).fill(0);',
    'heap.subarray(b + Thread.X)[0] = 1;',
  ];
  const LOADS = [
    'const x = heap[b + Thread.X];',
    'if (heap[b + Thread.X] === 1 || heap[b + Thread.X] >= 2) go();',
    'other[heap[b + Thread.X]] = 1;',
    'Atomics.store(heap, b + 1, heap[b + Thread.X]);',
    'Atomics.load(heap, b + Thread.X);',
    'heap.copyWithin(0, b + Thread.X, b + 9);',
    'const [first] = heap.subarray(b + Thread.X);',
    'const list = [heap[b + Thread.X], 1];',
    'n++;\n  other[heap[b + Thread.X]] = 1;',
    'const x = -heap[b + Thread.X];',
    '// heap[b + Thread.X] = 1;',
    '/* Atomics.store(heap, b + Thread.X, 1); */',
  ];
  for (const [writer, place, wrong] of [
    ['main', 'src/workers/a.ts', true],
    ['main', 'src/main/a.ts', false],
    ['that worker', 'src/main/a.ts', true],
    ['that worker', 'src/workers/a.ts', false],
    ['that worker (main, once it is dead)', 'src/main/a.ts', false],
    ['that worker', 'src/shared/ring/a.ts', true],
    ['that worker', 'src/shared/smr/reader.ts', false],
    ['whoever holds the lock', 'src/shared/ring/a.ts', false],
    ['main', 'metrics/a.ts', true],
    ['main', 'src/writer/a.ts', true],
    ['writer', 'src/writer/a.ts', false],
    ['writer', 'src/workers/a.ts', true],
  ] as const) {
    it(`a word of ${writer} stored in ${place}: ${wrong ? 'refused' : 'allowed'}`, () => {
      for (const [lines, expected] of [
        [STORES, wrong ? 1 : 0],
        [LOADS, 0],
      ] as const) {
        for (const line of lines) {
          const files = new Map(layout(`  /** W: ${writer}. */\n  X = 0,`));
          files.set(place, `function f() {\n  ${line}\n}\n`);
          assert.equal(strangers(files).length, expected, line);
        }
      }
    });
  }
  it('Atomics under another name', () => {
    for (const text of ['const { store } = Atomics;', 'const put = Atomics.store;', 'use(Atomics);']) {
      assert.deepEqual(renamed(new Map([['src/a.ts', text]])), ['src/a.ts:1']);
    }
    assert.deepEqual(renamed(new Map([['src/a.ts', "// Atomics\nAtomics.load(a, 1);\nAtomics['load'](a, 1);"]])), []);
  });
  it('an enum of words that is not const', () => {
    assert.ok(enums(new Map([[`${LAYOUT}a.ts`, '/** Words. */\nexport enum Some {\n  A = 1,\n}\n']])).has('Some'));
  });
  it('a function of one side', () => {
    const text = (head: string) => `/** Makes it.${head} */\nexport function f() {\n  heap[Thread.X] = 1;\n}\n`;
    for (const [writer, right, wrong] of [
      ['main', ' Main only.', ' Workers only.'],
      ['workers', ' Workers only.', ' Main only.'],
    ] as const) {
      const files = new Map(layout(`  /** W: ${writer}. */\n  X = 0,`));
      files.set('src/shared/ring/a.ts', text(right));
      assert.deepEqual(strangers(files), []);
      for (const head of [wrong, '']) {
        files.set('src/shared/ring/a.ts', text(head));
        assert.deepEqual(strangers(files), [`src/shared/ring/a.ts:3 stores Thread.X, W: ${writer}`]);
      }
    }
  });
});

/** The sources below some folders, by path from the root. */
function sources(folders: readonly string[]): Files {
  const files = new Map<string, string>();
  for (const folder of folders) {
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      const path = join(ROOT, folder, name);
      if (name.endsWith('.ts')) files.set(relative(ROOT, path), readFileSync(path, 'utf8'));
    }
  }
  return files;
}

/** The words of each enum of the layout. */
function enums(files: Files): Map<string, Word[]> {
  const found = new Map<string, Word[]>();
  for (const [path, text] of files) {
    if (!path.startsWith(LAYOUT) && !path.startsWith(TABLES)) continue;
    const pattern = /(?:\/\*\*((?:(?!\*\/).)*)\*\/\n)?(?:export )?(?:const )?enum (\w+) \{\n(.*?)\n\}/gs;
    for (const [, head = '', name, body] of text.matchAll(pattern))
      found.set(name as string, members(head, body ?? ''));
  }
  return found;
}

function members(head: string, body: string): Word[] {
  const pattern = /(?:\/\*\*((?:(?!\*\/).)*)\*\/\s*)?\b([A-Z]\w*) = ([-\w]+),/gs;
  return [...body.matchAll(pattern)].map(([, comment = '', name, value]) => ({
    name: name as string,
    value: Number(value),
    writer: writerIn(comment) || writerIn(head),
  }));
}

/** What a comment says after `W:`, up to `R:` or the end of the sentence. */
function writerIn(comment: string): string {
  const text = comment.replace(/\n\s*\*/g, ' ').replace(/\s+/g, ' ');
  return /\bW(?:\/R| and R)?: *([^.]*)/.exec(text)?.[1]?.trim() ?? '';
}

function words(files: Files, names: Iterable<string> = WORDS): { of: string; all: Word[] }[] {
  const found = enums(files);
  return [...names].map((of) => ({
    of,
    all: (found.get(of) ?? []).filter((word) => !CONSTANTS.has(`${of}.${word.name}`)),
  }));
}

function unnamed(files: Files): string[] {
  return words(files).flatMap(({ of, all }) => all.filter((w) => w.writer === '').map((w) => `${of}.${w.name}`));
}

function overlapping(files: Files): string[] {
  return words(files).flatMap(({ of, all }) =>
    all.flatMap((word, i) => {
      const same = all.slice(0, i).find((other) => other.value === word.value);
      return same === undefined ? [] : [`${of}.${word.name} is ${of}.${same.name}`];
    }),
  );
}

/** Words that share a line with one of another kind of writer. */
function crowded(files: Files): string[] {
  return words(files, APART).flatMap(({ of, all }) =>
    all.flatMap((word, i) => {
      const line = all.slice(i + 1).filter((other) => Math.floor(other.value / LINE) === Math.floor(word.value / LINE));
      const stranger = line.find((other) => kind(other.writer) !== kind(word.writer));
      if (stranger === undefined) return [];
      return [`${of}.${word.name} (${kind(word.writer)}) and ${of}.${stranger.name} (${kind(stranger.writer)})`];
    }),
  );
}

/** Main, one worker, one end of a ring, or several threads. Who writes only when the other is dead or stopped does not count. */
function kind(writer: string): string {
  const usual = writer.replace(/\([^)]*\)/g, '');
  if (/^that worker/.test(usual)) return 'worker';
  return /^(main|producer|consumer)/.exec(usual)?.[1] ?? 'several';
}

/** Which sides may store a word. */
function sides(writer: string): Set<Side> {
  const several = /\b(all|any|thread|holder|holds|whoever|producer|consumer)\b/.test(writer);
  const found = new Set<Side>();
  if (several || /\bmain\b/.test(writer)) found.add('main');
  if (several || /\bworkers?\b/.test(writer)) found.add('worker');
  if (several || /\bwriter\b/.test(writer)) found.add('writer');
  return found;
}

interface Store {
  readonly path: string;
  readonly line: number;
  readonly word: string;
  /** The sides it may run on. */
  readonly by: readonly Side[];
}

/** A parameter, or a variable, that is being set, up to where the word stands. */
const ALIASES = [
  /[(,]\s*(\w+)(?:: \w+)? = ([^;[=(]*)$/,
  /(?:\b(?:const|let|var) |[,;{}\n] *)(\w+)(?:: \w+)? = ([^;[]*)$/,
];

/** Every store to a word that the sources have. */
function stores(files: Files): Store[] {
  const found: Store[] = [];
  for (const [path, original] of files) {
    const text = plain(original);
    const at = (index: number, word: string) => {
      const line = text.slice(0, index).split('\n').length;
      found.push({ path, line, word, by: runsOn(path, original, index) });
    };
    for (const match of text.matchAll(/\b([A-Z]\w+)\.([A-Z]\w*)\b/g)) {
      const [word, of, name] = match;
      if (!WORDS.has(of as string) || CONSTANTS.has(`${of}.${name}`)) continue;
      if (isStore(text, match.index)) at(match.index, word);
      const before = text.slice(0, match.index);
      const [, alias, between = ''] = ALIASES.map((pattern) => pattern.exec(before)).find((found) => found) ?? [];
      if (alias === undefined || between.split('(').length > between.split(')').length) continue;
      const rest = text.slice(match.index);
      for (const use of rest.slice(0, endOfFunction(rest)).matchAll(new RegExp(`\\b${alias}\\b`, 'g'))) {
        if (isStore(text, match.index + use.index)) at(match.index, word);
      }
    }
  }
  return found;
}

/** Where the function that a text begins in ends: a brace in one of the first columns. */
function endOfFunction(text: string): number {
  const end = /\n {0,2}\}/.exec(text)?.index;
  return end ?? text.length;
}

/** Whether the expression around `index` is the index of a store. */
function isStore(text: string, index: number): boolean {
  let depth = 0;
  let commas = 0;
  for (let i = index - 1; i >= 0; i--) {
    const c = text[i] as string;
    if (c === ')' || c === ']') depth++;
    else if (c === ',' && depth === 0) commas++;
    else if (c === ';' || c === '{' || c === '}') return false;
    else if (c === '[' && depth-- === 0) return isAssigned(text, i);
    else if (c === '(' && depth-- === 0) {
      const callee = /[\w.]*$/.exec(text.slice(0, i))?.[0] ?? '';
      if (/^Atomics\.(?!load|wait|notify)/.test(callee)) return commas === 1;
      if (/\.subarray$/.test(callee)) return isChanged(text, i);
      if (/\.copyWithin$/.test(callee)) return commas === 0;
      return /\.(fill|set)$/.test(callee) && commas >= 1;
    }
  }
  return false;
}

/** Whether the element whose bracket opens at `open` is assigned to. */
function isAssigned(text: string, open: number): boolean {
  const after = text.slice(closing(text, open) + 1);
  if (/^\s*(=(?![=>])|([-+*/|&^%?]|\*\*|&&|\|\||\?\?|<<|>>>?)=(?!=)|\+\+|--)/.test(after)) return true;
  const before = text.slice(0, open).replace(/[\w.]+$/, '');
  if (/(\+\+|--)$/.test(before)) return true;
  // In a pattern: what opens around it is no index itself, and is assigned to.
  const around = /(?:^|[;{}\n])\s*\[([^[\];]*)$/.exec(before);
  return around !== null && isAssigned(text, before.length - 1 - (around[1] as string).length);
}

/** Whether the part that the bracket or parenthesis at `open` ends is changed. */
function isChanged(text: string, open: number): boolean {
  const close = closing(text, open);
  const after = text.slice(close + 1);
  if (/^\s*\.(fill|set|copyWithin|reverse|sort)\(/.test(after)) return true;
  return after.startsWith('[') && isAssigned(text, close + 1);
}

/** Where what opens at `open` is closed. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if ('[({'.includes(text[i] as string)) depth++;
    else if ('])}'.includes(text[i] as string) && --depth === 0) return i;
  }
  return text.length;
}

/** Where Atomics is anything but called by its name. */
function renamed(files: Files): string[] {
  return [...files].flatMap(([path, original]) => {
    const text = plain(original);
    return [...text.matchAll(/\bAtomics\b(?!\.\w+\()/g)].map(
      ({ index }) => `${path}:${text.slice(0, index).split('\n').length}`,
    );
  });
}

/** Stores by a side that the word's comment does not name. */
function strangers(files: Files): string[] {
  const writers = new Map<string, string>();
  for (const { of, all } of words(files)) for (const word of all) writers.set(`${of}.${word.name}`, word.writer);
  return stores(files).flatMap(({ path, line, word, by }) => {
    const writer = writers.get(word) ?? '';
    const may = sides(writer);
    const fine = by.length > 0 && by.every((side) => may.has(side));
    return fine ? [] : [`${path}:${line} stores ${word}, W: ${writer}`];
  });
}

/** On which sides the code at `index` runs. Metrics only read. */
function runsOn(path: string, text: string, index: number): readonly Side[] {
  if (path.startsWith('src/workers/')) return ['worker'];
  if (path.startsWith('src/main/')) return ['main'];
  if (path.startsWith('src/writer/')) return ['writer'];
  if (!path.startsWith('src/shared/')) return [];
  const side = SIDE.get(path);
  if (side !== undefined) return [side];
  const heads = [...text.slice(0, index).matchAll(/(\/\*\*(?:(?!\*\/).)*\*\/\n)?(?:export )?function \w+/gs)];
  const head = heads.at(-1)?.[1] ?? '';
  if (/\bMain only\b/.test(head)) return ['main'];
  return /\bWorkers only\b/.test(head) ? ['worker'] : ['main', 'worker'];
}

/** The text with its comments blanked and `A['b']` written as `A.b`, all line ends kept. */
function plain(text: string): string {
  const blank = (comment: string): string => comment.replace(/[^\n]/g, ' ');
  return text.replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, blank).replace(/\b([A-Z]\w+)\[\s*(['"`])(\w+)\2\s*\]/g, '$1.$3');
}
