/** The control socket under random requests, many at once on one connection: always an HTTP answer, and a router that still works. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { listenControl } from '../../src/main/api/control-socket.js';
import { runCommand } from '../../src/main/cli/command.js';
import { ifconfigWords } from '../../src/main/cli/ifconfig.js';
import { Router } from '../../src/main/router.js';
import { smallSizes } from '../support/stations.js';
import { BOX_MS, didOperations, SEED, silent } from '../support/stress.js';

/** Requests at once. */
const AT_ONCE = 32;

/** Words that say what is wanted, and words of their grammars. */
const COMMANDS = ['ifconfig', 'show', 'reload', 'shutdown', 'route', 'ip', 'arp', 'ndp', 'sysctl', 'netstat', 'inject'];
const QUERIES = ['books', 'drops', 'running', 'memory', 'status', 'smr', 'rings', 'workers'];
const GRAMMAR = [
  'addr',
  'link',
  'neigh',
  'rule',
  'sr',
  'add',
  'delete',
  'del',
  'get',
  'replace',
  'dev',
  'via',
  'table',
  'vrf',
];
const FLAGS = [
  '-a',
  '-n',
  '-T',
  '-d',
  '-s',
  '-V',
  '-r',
  '-i',
  '-4',
  '-6',
  '-json',
  'encap',
  'seg6',
  'seg6local',
  'default',
];
const VALUES = [
  '0',
  '1',
  '100',
  '198.18.0.1',
  '198.18.0.1/24',
  'fd00::1/64',
  '::',
  '2:0:0:0:0:1',
  'net.inet.ip.forwarding=1',
  'net.vrf.strict_mode',
];
const words = fc
  .tuple(
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...COMMANDS) }, fc.string({ maxLength: 4 })),
    fc.array(
      fc.oneof(
        fc.constantFrom('veb0', 'veb1', 'mem0', 'mem1', '__proto__', 'constructor'),
        fc.constantFrom(...QUERIES, ...GRAMMAR, ...FLAGS),
        fc.constantFrom(...VALUES),
        fc.constantFrom(...ifconfigWords()),
        fc.string({ maxLength: 4 }),
      ),
      { maxLength: 6 },
    ),
  )
  .map(([command, more]) => [command, ...more]);
/** Commands for the most part: of what is none there is less to find, and it costs the connection. */
const body = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({ words, json: fc.boolean() }, { requiredKeys: ['words'] })
      .map((value) => JSON.stringify(value)),
  },
  { weight: 8, arbitrary: words.map((list) => JSON.stringify({ words: ['ifconfig', ...list] })) },
  fc.json(),
  fc.tuple(fc.json(), fc.integer({ min: 0, max: 20 })).map(([text, cut]) => text.slice(0, cut)),
  fc.string(),
);

/** What came back for one body. */
interface Answer {
  readonly status: number;
  readonly answer: string;
}

/** Posts every text as JSON on one connection, all at once. Resolves to what came back, in order, until the server closed or all was there. */
function exchange(path: string, texts: readonly string[]): Promise<Answer[]> {
  const head = 'POST /command HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ';
  return new Promise((resolve, reject) => {
    const answers: Answer[] = [];
    let came = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      came = Buffer.concat([came, chunk]);
      for (let body = came.indexOf('\r\n\r\n') + 4; body >= 4; body = came.indexOf('\r\n\r\n') + 4) {
        const text = came.subarray(0, body).toString('latin1');
        const [, status = ''] = /^HTTP\/1\.1 (\d{3}) /.exec(text) ?? assert.fail(`no answer: ${text}`);
        const [, length = ''] = /^content-length: (\d+)\r$/im.exec(text) ?? assert.fail(`no length: ${text}`);
        const end = body + Number(length);
        if (came.length < end) break;
        answers.push({ status: Number(status), answer: came.subarray(body, end).toString() });
        came = came.subarray(end);
      }
      if (answers.length === texts.length) socket.end();
    };
    const socket = connect(path, () => {
      socket.write(texts.map((text) => `${head}${Buffer.byteLength(text)}\r\n\r\n${text}`).join(''));
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        take(chunk);
      } catch (error) {
        reject(error);
        socket.destroy();
      }
    });
    // A server that refuses a body closes, and may not have read all.
    socket.on('error', () => {});
    socket.on('close', () => resolve(answers));
  });
}

/** Posts every text; those behind one whose body was refused, and the connection with it, on a new connection. */
async function post(path: string, texts: readonly string[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  while (answers.length < texts.length) {
    const more = await exchange(path, texts.slice(answers.length));
    assert.notEqual(more.length, 0, `no answer to ${texts[answers.length]}`);
    answers.push(...more);
  }
  return answers;
}

test('whatever is posted, the answer is output, a coded error, or a refusal of the body', async (t) => {
  let cases = 0;
  const folder = mkdtempSync(join(tmpdir(), 'smr-'));
  const socket = join(folder, 'control');
  const router = await Router.start({ workers: 1, kernelTaps: false, sizes: smallSizes(2), log: silent });
  const daemon = { reload: async (): Promise<void> => {}, shutdown: (): void => {} };
  const server = await listenControl(socket, (list, json) => runCommand(router, list, json, daemon));
  try {
    const property = fc.asyncProperty(
      fc.array(body, { minLength: 1, maxLength: AT_ONCE, size: 'max' }),
      async (texts) => {
        const answers = await post(socket, texts);
        cases += texts.length;
        answers.forEach(({ status, answer }, n) => {
          const value = JSON.parse(answer);
          if (status === 200) assert.equal(typeof value.output, 'string');
          else if (status === 422) assert.match(value.code, /^E[A-Z0-9]+$/);
          else assert.equal(status, 400, answer);
          assert.notEqual(value.code, 'EIO', `${texts[n]} gave ${answer}: an error nobody foresaw`);
        });
      },
    );
    await fc.assert(property, { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: BOX_MS });
    const [books] = await post(socket, ['{"words":["show","books"]}']);
    assert.equal(books?.status, 200);
    assert.deepEqual(router.books().errors, []);
    didOperations(t, cases);
  } finally {
    await server.close();
    await router.stop();
    rmSync(folder, { recursive: true });
  }
});
