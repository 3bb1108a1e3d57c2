/**
 * The man pages know every word that the programs know, and groff has nothing to say against them.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { commandWords } from '../../../src/main/cli/command.js';
import { ifconfigWords } from '../../../src/main/cli/ifconfig.js';
import { showSubjects } from '../../../src/main/cli/show.js';
import { settingNames } from '../../../src/main/cli/sysctl.js';
import { MTUS } from '../../../src/main/config/state.js';

const FOLDER = fileURLToPath(new URL('../../../../man/', import.meta.url));
const SMRCTL = readFileSync(join(FOLDER, 'smrctl.8'), 'utf8');
const CONF = readFileSync(join(FOLDER, 'smrouter.conf.5'), 'utf8');

/** The words that `.It` lines of a page, or of one of its sections, give. */
function given(page: string, section = ''): Set<string> {
  const from = section === '' ? 0 : page.indexOf(`\n${section}\n`);
  assert.ok(from >= 0, section);
  const end = section === '' ? page.length : page.slice(from + 2).search(/\n\.S[hs] /) + from + 2;
  const lines = page.slice(from, end).split('\n');
  return new Set(lines.filter((line) => line.startsWith('.It ')).flatMap((line) => line.split(/[ ,|]+/)));
}

/** Those of `words` that are not given. */
function missing(words: readonly string[], found: ReadonlySet<string>): string[] {
  return words.filter((word) => !found.has(word));
}

test('smrctl(8) has every command, every word of ifconfig and every subject of show', () => {
  assert.deepEqual(missing(commandWords(), given(SMRCTL)), []);
  assert.deepEqual(missing(ifconfigWords(), given(SMRCTL, '.Ss ifconfig')), []);
  assert.deepEqual(missing(showSubjects(), given(SMRCTL, '.Ss show')), []);
});

test('smrouter.conf(5) has every setting', () => {
  const names = new Set(CONF.split(/[ \n,]+/));
  assert.deepEqual(missing(settingNames(), names), []);
});

test('each type of interface has its page', () => {
  for (const type of Object.keys(MTUS)) assert.ok(existsSync(join(FOLDER, `${type}.4`)), type);
});

const groff = spawnSync('groff', ['--version']).status === 0 ? false : 'needs groff (package groff-base)';

test('groff has no warning, and every reference within is to a page that there is', { skip: groff }, () => {
  const pages = readdirSync(FOLDER);
  assert.ok(pages.length >= 12);
  for (const page of pages) {
    const file = join(FOLDER, page);
    const { stderr } = spawnSync('groff', ['-mandoc', '-ww', '-Tutf8', '-z', file], { encoding: 'utf8' });
    assert.equal(stderr, '', page);
    for (const [, name, section] of readFileSync(file, 'utf8').matchAll(/^\.Xr (\S+) (\d)/gm))
      assert.ok(pages.includes(`${name}.${section}`), `${page}: ${name}(${section})`);
  }
});
