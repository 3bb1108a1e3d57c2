/**
 * The one-way imports of ARCHITECTURE.md, proved by breaking them: every forbidden direction is written as a file of a
 * scratch tree that has this repository's layout and its biome.json, and Biome must refuse exactly that file.
 * (Biome names no rule when it reads standard input, hence files; one run judges them all.)
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';

const ROOT = resolve(import.meta.dirname, '../../..');
const RULE = 'lint/style/noRestrictedImports';

type Sample = readonly [file: string, specifier: string];

/** `file` of the layout imports `specifier`, which must be refused. */
const FORBIDDEN: readonly Sample[] = [
  ['src/shared/smr/a.ts', '../../workers/loop.js'],
  ['src/shared/smr/b.ts', '../../main/control/veb.js'],
  ['src/shared/smr/c.ts', '../../../metrics/registry.js'],
  ['src/shared/smr/d.ts', '../../../test/unit/helper.js'],
  ['src/shared/sys/e.ts', '../../workers/loop.js'],
  ['src/shared/sys/f.ts', '../../main/control/veb.js'],
  ['src/shared/sys/g.ts', '../../../metrics/registry.js'],
  ['src/workers/ether/a.ts', '../../main/control/veb.js'],
  ['src/workers/ether/b.ts', '../../../metrics/registry.js'],
  ['src/workers/ether/c.ts', '../../../test/unit/helper.js'],
  ['src/workers/d.ts', '../main/smrouterd.js'],
  ['src/writer/a.ts', '../workers/loop.js'],
  ['src/writer/b.ts', '../main/router.js'],
  ['src/workers/e.ts', '../writer/loop.js'],
  ['src/shared/smr/g.ts', '../../writer/loop.js'],
  ['src/main/control/d.ts', '../../writer/loop.js'],
  ['metrics/e.ts', '../src/writer/loop.js'],
  ['src/main/control/a.ts', '../../workers/loop.js'],
  ['src/main/b.ts', '../workers/entry.js'],
  ['src/main/c.ts', '../../test/unit/helper.js'],
  ['metrics/a.ts', '../src/workers/loop.js'],
  ['metrics/b.ts', '../src/main/control/veb.js'],
  ['metrics/collector/c.ts', '../../src/main/control/veb.js'],
  ['metrics/d.ts', '../test/unit/helper.js'],
  ['src/shared/table/k.ts', 'koffi'],
  ['src/workers/device/k.ts', 'koffi'],
  ['src/main/k.ts', 'koffi'],
  ['metrics/k.ts', 'koffi'],
  ['test/unit/k.ts', 'koffi'],
];

/** The directions the layout is made of. */
const ALLOWED: readonly Sample[] = [
  ['src/shared/table/ok.ts', '../smr/epoch.js'],
  ['src/shared/sys/ok.ts', 'koffi'],
  ['src/shared/sys/ok2.ts', '../layout/heap.js'],
  ['src/workers/ether/ok.ts', '../../shared/table/etherbridge.js'],
  ['src/workers/ether/ok2.ts', './learn.js'],
  ['src/writer/ok.ts', '../shared/ring/ring.js'],
  ['src/main/control/ok.ts', '../../shared/sys/tap.js'],
  ['src/main/control/ok2.ts', '../config/plan.js'],
  ['src/main/api/ok3.ts', '../../../metrics/registry.js'],
  ['metrics/ok.ts', '../src/shared/counter/lanes.js'],
  ['test/unit/ok.ts', '../../src/workers/loop.js'],
  ['test/unit/ok2.ts', '../../src/main/control/veb.js'],
];

/** Every way to name a module; the type-only ones bind one side to the other as well. */
const FORMS: readonly (readonly [form: string, line: (specifier: string) => string])[] = [
  ['import', (specifier) => `import { thing } from '${specifier}';\nexport const used = [thing];\n`],
  ['import type', (specifier) => `import type { Thing } from '${specifier}';\nexport const used: Thing[] = [];\n`],
  ['export from', (specifier) => `export { thing } from '${specifier}';\n`],
  ['import()', (specifier) => `export const used = await import('${specifier}');\n`],
];

interface Report {
  readonly diagnostics: readonly { readonly category: string; readonly location: { readonly path: string } }[];
}

describe('imports run one way', () => {
  let tree = '';
  let refused = new Set<string>();

  before(() => {
    tree = mkdtempSync(join(tmpdir(), 'smr-imports-'));
    for (const name of ['biome.json', '.gitignore']) copyFileSync(join(ROOT, name), join(tree, name));
    const write = (file: string, text: string) => {
      mkdirSync(dirname(join(tree, file)), { recursive: true });
      writeFileSync(join(tree, file), text);
    };
    for (const [file, specifier] of [...FORBIDDEN, ...ALLOWED]) write(file, sample(specifier));
    for (const [index, [, line]] of FORMS.entries())
      write(`src/shared/form${index}.ts`, line('../main/control/veb.js'));
    write('src/main/pool/entry.ts', `export const ENTRY = new URL('../../workers/entry.js', import.meta.url);\n`);
    refused = lint(tree);
  });

  after(() => rmSync(tree, { recursive: true, force: true }));

  for (const [file, specifier] of FORBIDDEN) {
    it(`${dirname(file)} may not import ${specifier}`, () => assert.ok(refused.has(file)));
  }
  for (const [file, specifier] of ALLOWED) {
    it(`${dirname(file)} may import ${specifier}`, () => assert.ok(!refused.has(file)));
  }
  for (const [index, [form]] of FORMS.entries()) {
    it(`the rule sees ${form}`, () => assert.ok(refused.has(`src/shared/form${index}.ts`)));
  }
  it('src/main may know the path of the worker entry', () => assert.ok(!refused.has('src/main/pool/entry.ts')));
});

function sample(specifier: string): string {
  return `import { thing } from '${specifier}';\nexport const used = [thing];\n`;
}

/** Lints `tree` as CI would and returns the files the import rule refused. */
function lint(tree: string): Set<string> {
  const args = ['lint', '--reporter=json', '--colors=off', '--max-diagnostics=none', '.'];
  const { status, stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin/biome'), args, {
    cwd: tree,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  assert.equal(status, 1, `biome must fail on this tree\n${stdout}${stderr}`);
  const report = JSON.parse(stdout) as Report;
  return new Set(report.diagnostics.filter(({ category }) => category === RULE).map(({ location }) => location.path));
}
