/** The control socket under random requests: always an HTTP answer, and a router that still works. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
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

const words = fc.array(
  fc.oneof(
    fc.constantFrom('ifconfig', 'show', 'reload', 'shutdown', 'veb0', 'veb1', 'mem0', 'mem1', '-a', '0', '100'),
    fc.constantFrom(
      'books',
      'drops',
      'running',
      'memory',
      '__proto__',
      'constructor',
      '2:0:0:0:0:1',
      ...ifconfigWords(),
    ),
    fc.string({ maxLength: 4 }),
  ),
  { maxLength: 6 },
);
const body = fc.oneof(
  fc.record({ words, json: fc.boolean() }, { requiredKeys: ['words'] }).map((value) => JSON.stringify(value)),
  words.map((list) => JSON.stringify({ words: ['ifconfig', ...list] })),
  fc.json(),
  fc.tuple(fc.json(), fc.integer({ min: 0, max: 20 })).map(([text, cut]) => text.slice(0, cut)),
  fc.string(),
);

/** Posts `text` as JSON. Resolves to the status and the answer. */
function post(socketPath: string, text: string): Promise<{ status: number; answer: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const sent = request({ socketPath, path: '/command', method: 'POST', headers }, (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        answer += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, answer }));
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

test('whatever is posted, the answer is output, a coded error, or a refusal of the body', async (t) => {
  let cases = 0;
  const folder = mkdtempSync(join(tmpdir(), 'smr-'));
  const socket = join(folder, 'control');
  const router = await Router.start({ workers: 1, kernelTaps: false, sizes: smallSizes(2), log: silent });
  const daemon = { reload: async (): Promise<void> => {}, shutdown: (): void => {} };
  const server = await listenControl(socket, (list, json) => runCommand(router, list, json, daemon));
  try {
    const property = fc.asyncProperty(body, async (text) => {
      cases++;
      const { status, answer } = await post(socket, text);
      const value = JSON.parse(answer);
      if (status === 200) assert.equal(typeof value.output, 'string');
      else if (status === 422) assert.match(value.code, /^E[A-Z0-9]+$/);
      else assert.equal(status, 400, answer);
      assert.notEqual(value.code, 'EIO', `${text} gave ${answer}: an error nobody foresaw`);
    });
    await fc.assert(property, { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: BOX_MS });
    assert.equal((await post(socket, '{"words":["show","books"]}')).status, 200);
    assert.deepEqual(router.books().errors, []);
    didOperations(t, cases);
  } finally {
    await server.close();
    await router.stop();
    rmSync(folder, { recursive: true });
  }
});
