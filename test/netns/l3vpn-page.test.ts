/**
 * docs/srv6-l3vpn.md, executed as it stands: the files it shows, its commands in one shell, and behind each what it says is printed.
 * Every command must succeed.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BIN, temporaryFolder } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const PAGE = fileURLToPath(new URL('../../../docs/srv6-l3vpn.md', import.meta.url));
/** All of it takes some seconds; much more on a busy machine. */
const LONG_MS = 120_000;

interface Step {
  readonly command: string;
  /** What is printed, line by line. */
  readonly prints: string[];
}

/** The fenced blocks of a kind, without their fences. */
function blocks(page: string, kind: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${kind}\\n(.*?)^\`\`\``, 'gms'))].map(([, block = '']) => block);
}

function steps(page: string): Step[] {
  const found: Step[] = [];
  for (const line of blocks(page, 'console').flatMap((block) => block.trimEnd().split('\n'))) {
    if (line.startsWith('$ ')) found.push({ command: line.slice(2), prints: [] });
    else found.at(-1)?.prints.push(line);
  }
  return found;
}

test('docs/srv6-l3vpn.md does what it says', { skip: skipReason.tun() }, () => {
  const page = readFileSync(PAGE, 'utf8');
  const folder = temporaryFolder();
  symlinkSync(BIN, join(folder, 'bin'));
  for (const block of blocks(page, 'conf')) {
    const [, name = ''] = /^# (\S+\.conf)\n/.exec(block) ?? [];
    assert.notEqual(name, '', block);
    writeFileSync(join(folder, name), block);
  }
  const list = steps(page);
  assert.ok(list.length > 15);
  // What is left of an attempt that failed goes too.
  const tidy =
    'kill $(jobs -p) 2> /dev/null; for n in core red1 red2 blue1 blue2; do ip netns del $n 2> /dev/null; done';
  const script = list.map(({ command }, n) => `echo "@@${n}"\n${command}\necho "@@status $?"`);
  const { stdout, stderr } = spawnSync('bash', ['-c', `trap '${tidy}' EXIT\n${script.join('\n')}\n`], {
    cwd: folder,
    encoding: 'utf8',
    timeout: LONG_MS,
  });
  const outputs = stdout.split(/^@@\d+\n/m).slice(1);
  assert.equal(outputs.length, list.length, stderr);
  list.forEach(({ command, prints }, n) => {
    const lines = (outputs[n] as string).trimEnd().split('\n');
    assert.equal(lines.pop(), '@@status 0', `${command}\n${outputs[n]}\n${stderr}`);
    // A packet may have been sent again.
    const printed = lines.map((line) =>
      line.trimEnd().replace(/packets [1-9]\d* bytes [1-9]\d*/, 'packets 3 bytes 372'),
    );
    assert.deepEqual(printed, prints, command);
  });
});
