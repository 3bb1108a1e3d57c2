/** The namespaces that tests use clean up after themselves (test/support/netns.ts). */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { Netns } from '../../../support/netns.js';
import { skipReason } from '../../../support/require.js';

const support = new URL('../../../support/netns.js', import.meta.url).href;

test('destroy kills what runs inside, its own sessions too, and removes the name', {
  skip: skipReason.root(),
}, async () => {
  const netns = Netns.create('own');
  assert.match(netns.exec(['ip', '-br', 'link', 'show', 'lo']), /UP/);
  const child = netns.spawn(['sh', '-c', 'setsid sleep 60 & echo started; wait']);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  const inside = execFileSync('ip', ['netns', 'pids', netns.name], { encoding: 'utf8' }).split('\n').filter(Boolean);
  assert.ok(inside.length >= 2);
  const ended = once(child, 'exit');
  netns.destroy();
  netns.destroy();
  await ended;
  assert.ok(!existsSync(`/run/netns/${netns.name}`));
  const deadline = performance.now() + 2000;
  while (inside.some((pid) => running(pid))) assert.ok(performance.now() < deadline, 'something still runs');
});

/** Whether a process exists and is no zombie. */
function running(pid: string): boolean {
  return spawnSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' }).stdout.match(/^[^Z\s]/) !== null;
}

test('a command that fails throws its standard error', { skip: skipReason.root() }, (t) => {
  const netns = Netns.create('exec');
  t.after(() => netns.destroy());
  assert.equal(netns.exec(['cat'], { input: 'through' }), 'through');
  assert.throws(() => netns.exec(['sh', '-c', 'echo so >&2; exit 3']), /exit 3: so/);
  assert.equal(netns.exec(['sh', '-c', 'echo out; exit 3'], { check: false }), 'out\n');
  assert.throws(() => netns.exec(['sleep', '60'], { timeoutMs: 50 }), /ETIMEDOUT/);
});

for (const [how, code] of [
  ['an uncaught error', 'throw new Error("boom")'],
  ['process.exit', 'process.exit(0)'],
  ['SIGTERM', 'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)'],
]) {
  test(`a namespace goes with its process: ${how}`, { skip: skipReason.root() }, () => {
    const script = `import { Netns } from '${support}'; console.log(Netns.create('child').name); ${code}`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.match(stdout, /^smr-child-/);
    assert.ok(!existsSync(`/run/netns/${stdout.trim()}`), stdout);
  });
}
