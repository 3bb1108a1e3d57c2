/**
 * Random bytes, from almost a request to none at all, at HTTP and at the control socket: what comes back is HTTP with a status that is
 * foreseen, never an error of ours, and the next client is answered.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMetrics } from '../../metrics/registry.js';
import { listenControl } from '../../src/main/api/control-socket.js';
import { listenHttp } from '../../src/main/api/http.js';
import { countedSource } from '../support/prometheus.js';
import type { Address } from '../support/raw-clients.js';
import { BOX_MS, didOperations, SEED } from '../support/stress.js';

/** Connections at once. */
const AT_ONCE = 8;
const FORESEEN = new Set([100, 200, 204, 400, 404, 408, 411, 413, 414, 415, 417, 422, 431, 501, 503, 505]);

const method = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PRI'),
  },
  fc.string({ maxLength: 5 }),
);
const path = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('/', '/metrics', '/healthz', '/readyz', '/status.json', '/page.css', '/command'),
  },
  fc.constantFrom(
    '*',
    '//',
    '/%',
    '/%00',
    '/../etc/passwd',
    '/metrics?',
    'http://x/metrics',
    `/${'a'.repeat(9000)}`,
    '/__proto__',
  ),
  fc.webUrl({ withQueryParameters: true }),
  fc.string({ maxLength: 8 }).map((text) => `/${text}`),
);
const header = fc.oneof(
  fc.constantFrom(
    'host: x',
    'host:',
    'accept: application/openmetrics-text',
    'accept: */*;q=a,,;',
    'connection: close',
    'connection: upgrade\r\nupgrade: websocket',
    'connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AA',
    'transfer-encoding: chunked',
    'transfer-encoding: chunked, identity',
    'expect: 100-continue',
    'expect: something',
    'content-type: application/json',
    'content-type: text/plain',
    'content-type: application/json; charset=utf-99',
    'content-length: 0',
    'content-length: 2',
    'content-length: 99999999999999999999',
    'content-length: 2000',
    'content-length: -1',
    'content-length: 2\r\ncontent-length: 3',
    'range: bytes=0-1,5-',
    `x: ${'y'.repeat(20_000)}`,
    '__proto__: x',
    ' folded',
    ':',
  ),
  fc.tuple(fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 })).map(([name, value]) => `${name}: ${value}`),
);
const body = fc.oneof(
  fc.constantFrom('', '{}', '{"words":["show","drops"]}', '2\r\n{}\r\n0\r\n\r\n', 'fffffffff\r\n', '\0\0'),
  fc.string({ maxLength: 20 }),
);
const ending = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r', '');
const request = fc
  .tuple(
    method,
    path,
    fc.constantFrom('1.1', '1.1', '1.0', '2.0', '0.9', 'x'),
    fc.array(header, { maxLength: 4 }),
    ending,
    body,
  )
  .map(([verb, where, version, headers, eol, text]) =>
    [`${verb} ${where} HTTP/${version}`, 'host: x', ...headers, '', text].join(eol),
  );
/** What one client sends: requests one behind the other, cut off somewhere or not; or bytes. */
const bytes = fc.oneof(
  { weight: 5, arbitrary: fc.array(request, { minLength: 1, maxLength: 3 }).map((list) => Buffer.from(list.join(''))) },
  fc.tuple(request, fc.nat(60)).map(([text, cut]) => Buffer.from(text).subarray(0, cut)),
  fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
);

/** Sends `sent` and says that it is all. Resolves to what came back until the server closed. */
function exchange(address: Address, sent: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    const chunks: Buffer[] = [];
    const stuck = setTimeout(() => reject(new Error('the server neither answers nor closes')), 30_000);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A server may close before it has read all.
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(stuck);
      resolve(Buffer.concat(chunks).toString('latin1'));
    });
    socket.end(sent);
  });
}

test('whatever bytes come, they are answered in HTTP or not at all, and the next client is served', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'smr-'));
  const http = await listenHttp('127.0.0.1', 0, {
    metrics: createMetrics(countedSource(1).source),
    readiness: () => ({ ready: true }),
    status: () => ({}) as never,
  });
  const control = await listenControl(join(folder, 'control'), async (words) => words.join(' '));
  const addresses: readonly Address[] = [
    { host: '127.0.0.1', port: (http.server.address() as AddressInfo).port },
    { path: join(folder, 'control') },
  ];
  let cases = 0;
  try {
    const one = fc.tuple(fc.constantFrom(...addresses), bytes);
    const property = fc.asyncProperty(fc.array(one, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (list) => {
      const answers = await Promise.all(list.map(([address, sent]) => exchange(address, sent)));
      cases += list.length;
      answers.forEach((answer, n) => {
        const [, sent] = list[n] as [Address, Buffer];
        if (answer !== '') assert.match(answer, /^HTTP\/1\.1 \d{3} /, JSON.stringify(sent.toString('latin1')));
        for (const [, status] of answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)) {
          assert.ok(FORESEEN.has(Number(status)), `${status} for ${JSON.stringify(sent.toString('latin1'))}`);
        }
      });
    });
    await fc.assert(property, { seed: SEED, numRuns: 10_000_000, interruptAfterTimeLimit: BOX_MS });
    for (const address of addresses) {
      const answer = await exchange(address, Buffer.from('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'));
      assert.match(answer, 'path' in address ? /^HTTP\/1\.1 404 / : /^HTTP\/1\.1 200 /);
    }
    didOperations(t, cases);
  } finally {
    await http.close();
    await control.close();
    rmSync(folder, { recursive: true });
  }
});
