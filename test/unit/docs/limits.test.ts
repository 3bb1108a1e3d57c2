/**
 * docs/limits.md against the code: each number is the one of the constant that its row names, each constant that is called a limit has a row,
 * and what rows say of drop reasons, metrics and settings is there.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { settingNames } from '../../../src/main/cli/sysctl.js';
import { DROP_REASONS } from '../../../src/shared/counter/drop-reason.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const SRC = join(ROOT, 'src');
const PAGE = readFileSync(join(ROOT, 'docs/limits.md'), 'utf8');

interface Row {
  readonly what: string;
  readonly limit: string;
  readonly at: string;
  readonly moved: string;
  readonly code: string;
}

const rows: readonly Row[] = PAGE.split('\n')
  .filter((line) => /^\| (?!what |-)/.test(line))
  .map((line) => {
    const [what = '', limit = '', at = '', moved = '', code = ''] = line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim());
    return { what, limit, at, moved, code: code.replaceAll('`', '') };
  });

/** What a constant of a source file is: the number that its text comes to, its own other constants filled in. */
function constant(text: string, name: string): number | undefined {
  const value = new RegExp(`^(?:export )?const ${name}\\b[^=]*= ([^;]+);`, 'm').exec(text)?.[1];
  if (value === undefined) return undefined;
  // Of bounds and a default, the default, or else the upper one.
  const record = /default: ([\d_]+)/.exec(value)?.[1] ?? /max: ([\d_]+)/.exec(value)?.[1];
  const words = (record ?? value).replaceAll(/(?<=\d)_(?=\d)/g, '');
  const plain = words.replaceAll(/\b[A-Z][A-Z0-9_]*\b/g, (other) => String(constant(text, other)));
  if (!/^[-\da-fx.()*+<>\s]+$/.test(plain)) return undefined;
  return Number(Function(`return ${plain}`)());
}

/** The constants that are bounds and no limit of a table, queue, request or client: of formats, of the screen, of words that are read. */
const NO_LIMITS = new Set([
  'shared/layout/heap.ts MAX_THREADS',
  'shared/layout/capture.ts RECORD_WORDS_MOST',
  'shared/table/sid.ts OVERHEAD_MOST',
  'shared/table/prefix-trie.ts TRIE_LENGTH_MAX',
  'shared/table/etherbridge.ts SCAN_LIMIT',
  'shared/table/sequence.ts LATE_MOST',
  'shared/table/sequence.ts GAP_MOST',
  'shared/table/rule-list.ts GROUPS_MAX',
  'shared/bpf/instruction.ts MOST_BYTES',
  'shared/sys/fd-passing.ts TEXT_MOST',
  'main/tcpdump/tcpdump-words.ts COUNT_MOST',
  'main/config/capture.ts ROTATE_TIME_MOST',
  'main/pool/worker-count.ts MOST_WORKERS',
  'main/smrouterd.ts SOCKET_PATH_MOST',
  'main/stack/forward.ts REDIRECT_MOST',
  'main/stack/announce.ts FRAME_MOST',
  'main/stack/nd.ts FRAME_MOST',
  'main/cli/top.ts INTERFACES_MOST',
  'main/cli/top.ts DROPS_MOST',
  'workers/tunnel/srv6-encap.ts PAYLOAD_MOST',
  'workers/tunnel/srv6-encap.ts HOP_LIMIT',
  'writer/encoder.ts MOST_PACKETS',
  'writer/gather.ts MOST_PIECES',
  'main/control/capture-file.ts MOST_BYTES',
]);
/** How a constant that is a limit is called. */
const LIMIT = /^const ([A-Z0-9_]*(?:_MOST|_MAX|_LIMIT|_CAP|_RING)|(?:MOST|MAX)_[A-Z0-9_]+|BUDGET)\b/;

test('each row has a limit, what happens at it and where it is, and its number is that of the code', () => {
  assert.ok(rows.length > 70);
  for (const { what, limit, at, moved, code } of rows) {
    assert.ok(what !== '' && at !== '' && moved !== '', what);
    if (code === '—') continue;
    const [file = '', name = ''] = code.split(' ');
    assert.equal(constant(readFileSync(join(SRC, file), 'utf8'), name), Number(limit), `${what}: ${code}`);
  }
});

test('each constant of the code that is called a limit has a row', () => {
  const named = new Set(rows.map(({ code }) => code));
  const missing: string[] = [];
  for (const entry of readdirSync(SRC, { recursive: true }) as string[]) {
    // What a protocol or the kernel bounds is no limit of ours.
    if (!entry.endsWith('.ts') || /^shared\/(wire|sys)\//.test(entry)) continue;
    for (const line of readFileSync(join(SRC, entry), 'utf8').split('\n')) {
      const name = LIMIT.exec(line.replace(/^export /, ''))?.[1];
      const place = `${entry} ${name}`;
      if (name !== undefined && !named.has(place) && !NO_LIMITS.has(place)) missing.push(place);
    }
  }
  assert.deepEqual(missing, []);
});

test('reasons, metrics and settings that it names are there', () => {
  const reasons = new Set(DROP_REASONS.map(({ name }) => name));
  const metrics = readFileSync(join(ROOT, 'metrics/README.md'), 'utf8');
  const settings = new Set(settingNames());
  for (const { at, moved } of rows) {
    for (const [, name = ''] of `${at} ${moved}`.matchAll(/`(?:sysctl )?((?:smrouter|net)[._][a-z0-9._]+)`/g)) {
      assert.ok(name.startsWith('smrouter_') ? metrics.includes(`\`${name}\``) : settings.has(name), name);
    }
    const first = /^`([a-z0-9-]+)`/.exec(at)?.[1] ?? /: `([a-z0-9-]+)`$/.exec(at)?.[1];
    const other = ['worker-given-up', 'worker-stuck', 'worker-leak', 'rx'];
    if (first !== undefined && !other.includes(first)) assert.ok(reasons.has(first), first);
  }
});

test('the time of day is read for time stamps and the age of a snapshot alone: a step of it moves no timer', () => {
  const readers: string[] = [];
  for (const entry of readdirSync(SRC, { recursive: true }) as string[]) {
    if (!/\.(ts|js)$/.test(entry)) continue;
    const text = readFileSync(join(SRC, entry), 'utf8');
    if (/Date\.now\(|new Date\(\)|CLOCK_REALTIME/.test(text)) readers.push(entry);
  }
  assert.deepEqual(readers.sort(), ['main/snapshot.ts', 'shared/sys/clock.ts', 'writer/encoder.ts']);
});
