/** Live captures over the control socket (main/api/capture-api.ts), on memory ports: what comes, how it ends, who may not. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fastify from 'fastify';
import { serveCaptures } from '../../../../src/main/api/capture-api.js';
import { CAPTURE_END, CAPTURE_ID, CAPTURE_LINK } from '../../../../src/main/api/capture-headers.js';
import { listenControl } from '../../../../src/main/api/control-socket.js';
import { MemoryHost } from '../../../../src/main/memory/memory-host.js';
import { Router } from '../../../../src/main/router.js';
import { BlockReader, blockType, pcapRecord, statisticsOf } from '../../../../src/main/tcpdump/pcapng-reader.js';
import { Block } from '../../../../src/shared/wire/pcapng.js';
import { temporaryFolder, until } from '../../../support/programs.js';
import { A, B, frame } from '../../../support/rig.js';
import { ifconfigOn } from '../../../support/router-words.js';
import { smallSizes } from '../../../support/stations.js';
import { silent } from '../../../support/stress.js';

const MS = 10_000;
const router = await Router.start({ workers: 1, kernelTaps: false, poison: true, sizes: smallSizes(2), log: silent });
const ifconfig = ifconfigOn(router);
await ifconfig('mem0 create up', 'mem1 create up', 'veb0 create up', 'veb0 add mem0 add mem1');
const host = new MemoryHost(router.memory, router.table.get('mem0'));
const socketPath = join(temporaryFolder(), 'control');
const command = async (): Promise<string> => '';
const server = await listenControl(socketPath, command, undefined, router.captureStreams);
after(async () => {
  await server.close();
  await router.stop();
});

const WANTED = { interface: 'mem0', link: '', direction: '', snap: 1600, fildrop: 'pass', filter: '' };

/** Calls the control socket. */
async function call(method: string, path: string, body?: object): Promise<IncomingMessage> {
  const json = body === undefined ? '' : JSON.stringify(body);
  const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': json.length };
  const sent = request({ socketPath, path, method, headers });
  sent.end(json);
  return ((await once(sent, 'response')) as [IncomingMessage])[0];
}

/** The code and message of an answer that is one. */
async function refusal(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += chunk;
  const { code, message } = JSON.parse(text) as { code: string; message: string };
  return `${response.statusCode} ${code} ${message}`;
}

/** A capture under way, and its blocks so far. */
async function capture(wanted: object = {}): Promise<{ response: IncomingMessage; id: string; blocks: Buffer[] }> {
  const response = await call('POST', '/capture', { ...WANTED, ...wanted });
  assert.equal(response.statusCode, 200);
  const blocks: Buffer[] = [];
  const reader = new BlockReader();
  response.on('data', (chunk: Buffer) => blocks.push(...reader.push(chunk)));
  return { response, id: String(response.headers[CAPTURE_ID]), blocks };
}

const packets = (blocks: readonly Buffer[]): Buffer[] => blocks.filter((block) => blockType(block) === Block.PACKET);

test('packets come while they are captured; a capture that is ended ends with its statistics', async () => {
  const { response, id, blocks } = await capture({ snap: 20 });
  assert.equal(response.headers[CAPTURE_LINK], 'EN10MB');
  for (let mark = 1; mark <= 3; mark++) {
    host.send(frame(B, A, { mark }));
    await until(`packet ${mark}`, MS, () => packets(blocks).length === mark);
  }
  const record = pcapRecord(packets(blocks)[2] as Buffer);
  assert.equal(
    record.subarray(16).toString('hex'),
    Buffer.from(frame(B, A, { mark: 3 }))
      .toString('hex')
      .slice(0, 40),
  );
  assert.equal(record.readUInt32LE(12), 60);
  const ended = once(response, 'end');
  assert.equal((await call('DELETE', `/capture/${id}`)).statusCode, 204);
  await ended;
  assert.deepEqual(blocks.map(blockType), [
    Block.SECTION,
    Block.INTERFACE,
    ...Array(3).fill(Block.PACKET),
    Block.STATISTICS,
  ]);
  assert.deepEqual(statisticsOf(blocks.at(-1) as Buffer), { received: 3, dropped: 0 });
  assert.equal(response.trailers[CAPTURE_END], undefined);
  assert.equal(await refusal(await call('DELETE', `/capture/${id}`)), `422 ESRCH ${id}: no such capture`);
  assert.deepEqual(router.captures.all(), []);
});

test('a client that leaves takes its capture along; another one goes on', async () => {
  const [leaves, stays] = [await capture(), await capture()];
  assert.equal(router.captures.all().length, 2);
  leaves.response.destroy();
  await until('one capture', MS, () => router.captures.all().length === 1);
  host.send(frame(B, A));
  await until('a packet', MS, () => packets(stays.blocks).length === 1);
  stays.response.destroy();
  await until('no capture', MS, () => router.captures.all().length === 0);
});

test('an interface that leaves ends its captures, with ENXIO behind the statistics', async () => {
  await ifconfig('mem5 create up');
  const { response, blocks } = await capture({ interface: 'mem5' });
  const ended = once(response, 'end');
  await ifconfig('mem5 destroy');
  await ended;
  assert.equal(blockType(blocks.at(-1) as Buffer), Block.STATISTICS);
  assert.equal(response.trailers[CAPTURE_END], 'ENXIO');
});

test('errors: no such interface, link type; nothing stays behind', async () => {
  for (const [wanted, answer] of [
    [{ interface: 'nix0' }, '422 ENXIO nix0: no such interface'],
    [{ link: 'RAW' }, '422 EINVAL mem0: link type RAW is not EN10MB'],
  ] as const) {
    assert.equal(await refusal(await call('POST', '/capture', { ...WANTED, ...wanted })), answer);
  }
  for (const wanted of [{ snap: 0 }, { snap: 262_145 }, { link: 'ETHER' }, { fildrop: 'maybe' }]) {
    assert.equal((await call('POST', '/capture', { ...WANTED, ...wanted })).statusCode, 400);
  }
  const full = await Promise.all(Array.from({ length: 64 }, () => capture()));
  assert.match(await refusal(await call('POST', '/capture', WANTED)), /^422 EMFILE/);
  for (const { response } of full) response.destroy();
  await until('no capture', MS, () => router.captures.all().length === 0);
});

test('who may only ask may not capture', async () => {
  const app = fastify();
  serveCaptures(app, router.captureStreams, () => 'reader');
  const answer = await app.inject({ method: 'POST', url: '/capture', payload: WANTED });
  assert.deepEqual([answer.statusCode, answer.json().code], [422, 'EPERM']);
  assert.equal((await app.inject({ method: 'DELETE', url: '/capture/1' })).json().code, 'EPERM');
});

test('a server that closes ends what is captured', async () => {
  const path = join(temporaryFolder(), 'other');
  const other = await listenControl(path, command, undefined, router.captureStreams);
  const sent = request({
    socketPath: path,
    path: '/capture',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  sent.end(JSON.stringify(WANTED));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const ended = once(response.resume(), 'end');
  await other.close();
  await ended;
  assert.deepEqual(router.captures.all(), []);
});
