/**
 * The last step of the build, `script/bind`: imports and exports of frame path modules as constants, with the same meaning.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const SCRIPT = resolve('script/bind');

/** Modules as tsc writes them; circle-a and circle-b import each other. */
const MODULES: Readonly<Record<string, string>> = {
  'shared/leaf.js':
    'export const BASE = 40;\nexport function twice(n) {\n    return n + same(n);\n}\nexport function same(n) {\n    return n;\n}\n//# sourceMappingURL=leaf.js.map',
  'workers/circle-a.js':
    "import { LIMIT, below } from './circle-b.js';\nimport { twice as double, BASE, } from '../shared/leaf.js';\nexport function first(n) {\n    return below(n) ? double(n) + BASE : LIMIT;\n}\n",
  'workers/circle-b.js':
    "import { first } from './circle-a.js';\nexport const LIMIT = 3;\nexport function below(n) {\n    return n < LIMIT;\n}\nexport function again(n) {\n    return first(n);\n}\n",
};

test('a bound module means what it meant, its functions are constants, and binding twice changes nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-bind-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const name of ['shared', 'workers']) mkdirSync(join(folder, name));
    for (const [name, text] of Object.entries(MODULES)) writeFileSync(join(folder, name), text);
    const texts = (): string[] => Object.keys(MODULES).map((name) => readFileSync(join(folder, name), 'utf8'));

    assert.equal(spawnSync(process.execPath, [SCRIPT, folder], { stdio: 'inherit' }).status, 0);
    const [leaf = '', circleA = '', circleB = ''] = texts();
    assert.match(leaf, /^function twice\(/m);
    assert.match(leaf, /export \{ BASE\$x as BASE, twice\$x as twice, same\$x as same \};/);
    assert.match(circleA, /const below = below\$i;/);
    assert.match(circleA, /import \{ LIMIT, /, 'a constant of the circle may not be set yet');
    assert.match(circleA, /const double = double\$i, BASE = BASE\$i;/);
    assert.match(circleB, /^export function below\(/m, 'functions of a circle are there from the start');

    spawnSync(process.execPath, [SCRIPT, folder]);
    assert.deepEqual(texts(), [leaf, circleA, circleB]);

    const { again } = (await import(pathToFileURL(join(folder, 'workers/circle-b.js')).href)) as {
      again: (n: number) => number;
    };
    assert.equal(again(1), 42);
    assert.equal(again(9), 3);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what runs was bound', () => {
  const text = readFileSync(resolve('dist/src/workers/inet6/ip6-input.js'), 'utf8');
  assert.match(text, /const checkForward6 = checkForward6\$i|, checkForward6 = checkForward6\$i/);
});
