/** What a request may be: how long, and how many long ones at once (docs/limits.md, "Clients"). */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { createMetrics } from '../../../../metrics/registry.js';
import { BODIES_LIMIT, BODY_LIMIT, listenControl } from '../../../../src/main/api/control-socket.js';
import { listenHttp } from '../../../../src/main/api/http.js';
import { countedSource } from '../../../support/prometheus.js';
import type { Address } from '../../../support/raw-clients.js';

describe('requests', () => {
  const folder = mkdtempSync(join(tmpdir(), 'smr-'));
  const path = join(folder, 'control');
  const open = new Set<Socket>();
  let control: FastifyInstance;
  let http: FastifyInstance;
  let web: Address;

  before(async () => {
    control = await listenControl(path, async (words) => words.join(' '));
    http = await listenHttp('127.0.0.1', 0, {
      metrics: createMetrics(countedSource(1).source),
      readiness: () => ({ ready: true }),
      status: () => assert.fail('nobody asks for it'),
    });
    web = { host: '127.0.0.1', port: (http.server.address() as AddressInfo).port };
  });
  after(async () => {
    for (const socket of open) socket.destroy();
    await control.close();
    await http.close();
    rmSync(folder, { recursive: true });
  });

  /** Sends `text`; resolves to the status of the first answer, and to the socket, which stays open. */
  function status(address: Address, text: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const socket = connect(address, () => socket.write(text));
      open.add(socket);
      socket.once('data', (data: Buffer) => resolve(Number(data.toString('latin1').split(' ')[1])));
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed without an answer')));
    });
  }

  const head = (...headers: string[]): string =>
    ['POST /command HTTP/1.1', 'host: x', 'content-type: application/json', ...headers, '', ''].join('\r\n');
  const command = '{"words":["show","drops"]}';

  it('a command is answered; one without a length is 411, one that is too long 413, before its body has come', async () => {
    const whole = head(`content-length: ${command.length}`) + command;
    assert.equal(await status({ path }, whole), 200);
    assert.equal(await status({ path }, head('transfer-encoding: chunked')), 411);
    assert.equal(await status({ path }, head(`content-length: ${BODY_LIMIT + 1}`)), 413);
  });

  it('long ones beyond what may be received at once are 503, until others are through', async () => {
    const long = head(`content-length: ${BODY_LIMIT}`);
    const waiting = Array.from({ length: BODIES_LIMIT / BODY_LIMIT }, () => {
      const socket = connect({ path }, () => socket.write(`${long}{`));
      open.add(socket);
      return socket;
    });
    const tiny = head(`content-length: ${command.length}`) + command;
    let refused = 0;
    for (const end = performance.now() + 5000; refused !== 503 && performance.now() < end; )
      refused = await status({ path }, tiny);
    assert.equal(refused, 503);
    for (const socket of waiting) socket.destroy();
    let answered = 0;
    for (const end = performance.now() + 5000; answered !== 200 && performance.now() < end; )
      answered = await status({ path }, tiny);
    assert.equal(answered, 200);
  });

  it('HTTP: a head that is too long is 431; what is not there is 404, with a body or without', async () => {
    assert.equal(await status(web, `GET / HTTP/1.1\r\nx: ${'y'.repeat(9000)}\r\n\r\n`), 431);
    assert.equal(await status(web, 'GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n'), 404);
    assert.equal(await status(web, 'POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}'), 404);
  });
});
