/** The log's output: a pipe that is full holds nobody up, and what is lost is counted and told. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LogOutput } from '../../../src/main/log.js';
import { waitUntil } from '../../support/stress.js';

/** A pipe: an end to write to, which waits when it is full, and what has come at the other. */
function pipe(): { readonly fd: number; readonly read: () => string; readonly end: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'smr-'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const from = openSync(join(folder, 'pipe'), constants.O_RDWR | constants.O_NONBLOCK);
  const fd = openSync(join(folder, 'pipe'), 'r+');
  const read = (): string => {
    const some = Buffer.alloc(1 << 16);
    try {
      return some.subarray(0, readSync(from, some)).toString();
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
      return '';
    }
  };
  const end = (): void => {
    closeSync(from);
    closeSync(fd);
    rmSync(folder, { recursive: true });
  };
  return { fd, read, end };
}

test('a line is there as soon as it is written', () => {
  const { fd, read, end } = pipe();
  const output = new LogOutput(fd);
  output.write('one\n');
  assert.equal(read(), 'one\n');
  output.write(`${'long'.repeat(5000)}\n`);
  assert.equal(read().length, 20_001);
  end();
});

test('while nobody reads, lines wait in order, then are lost and counted; both is made good when somebody does', async () => {
  const { fd, read, end } = pipe();
  const output = new LogOutput(fd);
  const told: number[] = [];
  output.onRoom = (lost) => {
    told.push(lost);
    output.write('lost\n');
  };
  const line = (n: number): string => `${String(n).padStart(999)}\n`;
  const lines = 2000;
  for (let n = 0; n < lines; n++) output.write(line(n));
  assert.ok(output.lost > 800 && output.lost < 1000, `${output.lost} lost: 64 KiB are in the pipe, 1 MiB waits`);
  let got = '';
  // Its timer keeps no process alive.
  const alive = setInterval(() => {}, 100);
  await waitUntil(() => {
    got += read();
    return got.endsWith('lost\n');
  }, 'all that waited');
  clearInterval(alive);
  assert.deepEqual(told, [output.lost]);
  const kept = lines - output.lost;
  assert.equal(got, `${Array.from({ length: kept }, (_, n) => line(n)).join('')}lost\n`);
  output.write('after\n');
  assert.equal(read(), 'after\n');
  end();
});

test('the last lines of a process that crashes are written, to a reader that comes late', async () => {
  const module = new URL('../../../src/main/log.js', import.meta.url).href;
  const script = `
    const { openLog } = await import(${JSON.stringify(module)});
    const { log } = openLog();
    for (let n = 0; n < 1000; n++) log.info({ n, pad: 'x'.repeat(200) }, 'line');
    log.fatal('last words');
    process.stderr.write('now');
    throw new Error('crash');
  `;
  const node = `${process.execPath} --input-type=module -e '${script.replaceAll("'", "'\\''")}'`;
  const { stdout, stderr } = spawnSync('sh', ['-c', `${node} | { sleep 0.3; cat; }`], { encoding: 'utf8' });
  assert.match(stderr, /now[\s\S]*crash/);
  const lines = stdout.trim().split('\n');
  assert.equal(lines.length, 1001);
  assert.match(lines.at(-1) as string, /last words/);
});
