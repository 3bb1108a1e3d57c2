/**
 * Captures to files on a router with workers and memory ports: what goes through the bridge is in the file, as filters, directions and
 * link types say, whatever is changed meanwhile (spec A §8.4).
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LiveRouter } from '../support/live-router.js';
import { type Captured, readPcapFile } from '../support/pcap-file.js';
import { temporaryFolder, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const LIMIT_MS = 30_000;

interface Shown {
  readonly interface: string;
  readonly type: string;
  readonly to: string;
  readonly received: number;
  readonly captured: number;
  readonly dropped: number;
  readonly written: number;
  readonly files: number;
}

const frame = (n: number, type = '88b5'): Buffer =>
  Buffer.concat([Buffer.from(`020000000002 020000000001 ${type}`.replaceAll(' ', ''), 'hex'), Buffer.alloc(46, n)]);
const packets = (path: string): readonly Captured[] => readPcapFile(readFileSync(path)).packets;
/** The numbers of frames in a file. */
const numbers = (path: string): number[] => packets(path).map((p) => p.bytes.at(-1) as number);
const newPath = (name = 'a.pcap'): string => join(temporaryFolder(), name);

describe('captures to files', () => {
  let router: LiveRouter;
  const shown = (): Promise<Shown[]> => router.json('show captures');
  const send = (...n: number[]): Promise<void> => router.send('mem0', ...n.map((k) => frame(k)));

  before(async () => {
    router = await LiveRouter.start(
      ...['mem0', 'mem1', 'mem2'].map((name) => `ifconfig ${name} create up`),
      'ifconfig veb0 create up',
      'ifconfig veb0 add mem0 add mem1',
    );
  });
  after(() => router?.stop());

  it('what came before and after is not in it; counts are shown', async () => {
    const path = newPath();
    await send(1);
    await router.words(`capture mem0 file ${path}`);
    await send(2, 3, 4);
    assert.deepEqual(
      (await shown()).map(({ to, received, captured, dropped }) => ({ to, received, captured, dropped })),
      [{ to: path, received: 3, captured: 3, dropped: 0 }],
    );
    await router.words(`capture mem0 -file ${path}`);
    await send(5);
    assert.deepEqual(numbers(path), [2, 3, 4]);
    assert.deepEqual(await shown(), []);
    const [first] = packets(path);
    assert.deepEqual(Buffer.from(first?.bytes ?? []), frame(2));
    const age = Date.now() / 1000 - (first?.seconds ?? 0);
    assert.ok(age > -2 && age < 60, `the time stamp is ${age} s old`);
  });

  it('several of one interface are independent: snap length, direction, filter', {
    skip: skipReason.program('tcpdump'),
  }, async () => {
    const path = ['a', 'b', 'c', 'd'].map((name) => newPath(`${name}.pcap`));
    await router.words(
      `capture mem0 file ${path[0]} snaplen 20`,
      `capture mem0 file ${path[1]} direction out`,
      `capture mem0 file ${path[2]} filter ether proto 0x88b6 and ether[14] = 7`,
      `capture veb0 file ${path[3]} filter "len = 60"`,
    );
    await router.send('mem0', frame(6), frame(6, '88b6'), frame(7, '88b6'));
    await router.send('mem1', frame(8));
    const counts = (await shown()).map(({ received, captured }) => [received, captured]);
    for (const p of path) await router.words(`capture ${p === path[3] ? 'veb0' : 'mem0'} -file ${p}`);
    assert.deepEqual(
      packets(path[0] as string).map(({ bytes, length }) => [bytes.length, length]),
      [
        ...[
          [20, 60],
          [20, 60],
          [20, 60],
          [20, 60],
        ],
      ],
    );
    assert.deepEqual(numbers(path[1] as string), [8]);
    assert.deepEqual(numbers(path[2] as string), [7]);
    assert.deepEqual(numbers(path[3] as string), [6, 6, 7, 8]);
    assert.deepEqual(counts, [
      [4, 4],
      [4, 1],
      [4, 1],
      [4, 4],
    ]);
  });

  it('a change that fails changes nothing: what the file holds, the filter, the interface', {
    skip: skipReason.program('tcpdump'),
  }, async () => {
    const path = newPath();
    writeFileSync(path, 'a text\n');
    for (const [line, code] of [
      [`capture mem0 file ${path}`, 'EEXIST'],
      [`capture mem0 file ${newPath()} filter ip and foo`, 'EINVAL'],
      ['capture mem0 file /nonexistent/a.pcap', 'ENOENT'],
      [`capture mem9 file ${newPath()}`, 'ENXIO'],
    ] as const) {
      await assert.rejects(router.words(line), { code }, line);
    }
    assert.equal(readFileSync(path, 'utf8'), 'a text\n');
    assert.deepEqual(await shown(), []);
    assert.doesNotMatch(await router.words('show running'), /capture/);
    // Of a change of several, what was done is undone: the capture it ended goes on.
    const good = newPath();
    await router.words(`capture mem0 file ${good}`);
    await send(1);
    await assert.rejects(router.words(`capture mem0 file ${good} filter nonsense here`), { code: 'EINVAL' });
    await send(2);
    await router.words(`capture mem0 -file ${good}`);
    assert.deepEqual(numbers(good), [1, 2]);
  });

  it('goes on in the same file, and with its interface it ends', async () => {
    const path = newPath();
    await router.words(`capture mem2 file ${path}`);
    await router.send('mem2', frame(1));
    await router.words(`capture mem2 file ${path} keep 5`);
    await router.send('mem2', frame(2));
    await router.words('ifconfig mem2 destroy');
    assert.deepEqual(numbers(path), [1, 2]);
    assert.doesNotMatch(await router.words('show running'), /capture/);
    await router.words('ifconfig mem2 create up');
    await router.send('mem2', frame(3));
    assert.deepEqual(numbers(path), [1, 2]);
  });

  it('by size: nothing lost between two files', async () => {
    const path = newPath();
    await router.words(`capture mem0 file ${path} rotate size 4K keep 100`);
    for (let n = 0; n < 200; n += 10) await send(...Array.from({ length: 10 }, (_, k) => n + k));
    await until('the fourth file', LIMIT_MS, async () => (await shown())[0]?.files === 4);
    await router.words(`capture mem0 -file ${path}`);
    // 53 packets of 76 bytes find room in 4096.
    const files = [path, `${path}.0`, `${path}.1`, `${path}.2`].reverse();
    assert.deepEqual(
      files.flatMap(numbers),
      Array.from({ length: 200 }, (_, n) => n),
    );
    assert.ok(!existsSync(`${path}.3`));
  });
});
