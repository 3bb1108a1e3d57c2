/**
 * HTTP for scrapers, probes and people: /metrics (text or OpenMetrics by Accept), /healthz (the process), /readyz (forwarding), and a
 * page at / that draws /status.json. Read-only. A scrape asks no worker; scrapers that come together share one collection, and its bytes.
 * Connections are bounded by connections.ts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastify, { type FastifyInstance } from 'fastify';
import type { Exposition, Scrape } from '../../../metrics/registry.js';
import { asControlError, ControlError } from '../errors.js';
import type { Status } from '../status.js';
import { Connections, LISTENER_OPTIONS } from './connections.js';
import { Turns } from './turns.js';

/** Whether the router forwards, and if not, why. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly why: readonly string[] };

/** The page's files stand beside the source: a browser reads them as they are. */
const PAGE = fileURLToPath(new URL('../../../../src/main/api/page/', import.meta.url));
const FILES: readonly (readonly [string, string, string])[] = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/page.js', 'page.js', 'text/javascript; charset=utf-8'],
  ['/svg.js', 'svg.js', 'text/javascript; charset=utf-8'],
  ['/topology.js', 'topology.js', 'text/javascript; charset=utf-8'],
];
/** The page loads nothing from elsewhere, and no other page may frame it. */
const POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'";
/** An answer to /status.json is given again for so many milliseconds. */
const STATUS_MS = 200;
/** Nobody has anything to send but a head: of so many bytes at most, and a body of so many. */
const HEAD_LIMIT = 8192;
const BODY_LIMIT = 1024;
/** Scrapes that are answered in one turn of the event loop: some milliseconds. */
const ANSWERS_A_TURN = 8;

/** What HTTP shows. */
export interface Shown {
  readonly metrics: Exposition;
  readonly readiness: () => Readiness;
  readonly status: () => Status;
}

/** Listens on `host`:`port`, within the limits of `connections`. Throws ControlError when it cannot. */
export async function listenHttp(
  host: string,
  port: number,
  shown: Shown,
  connections = new Connections('http'),
): Promise<FastifyInstance> {
  const { metrics, readiness, status } = shown;
  const http = { ...LISTENER_OPTIONS.http, maxHeaderSize: HEAD_LIMIT };
  const server = fastify({ ...LISTENER_OPTIONS, http, bodyLimit: BODY_LIMIT });
  connections.watch(server);
  // Sockets that wait for their reader share these bytes, where each would have a copy of a string.
  const bytes = new WeakMap<Scrape, Buffer>();
  const turns = new Turns(ANSWERS_A_TURN);
  for (const [path, file, type] of FILES) {
    const text = readFileSync(join(PAGE, file));
    server.get(path, async (_, reply) =>
      reply.type(type).header('content-security-policy', POLICY).header('x-content-type-options', 'nosniff').send(text),
    );
  }
  let last = { until: 0, body: Buffer.alloc(0) };
  server.get('/status.json', async (_, reply) => {
    const now = performance.now();
    if (now >= last.until) last = { until: now + STATUS_MS, body: Buffer.from(JSON.stringify(status())) };
    return reply.type('application/json').send(last.body);
  });
  server.get('/metrics', async (request, reply) => {
    const scrape = await metrics.scrape(request.headers.accept ?? '');
    // All who waited for this collection would be answered before anybody else is heard.
    await turns.next();
    const body = bytes.get(scrape) ?? Buffer.from(scrape.body);
    bytes.set(scrape, body);
    return reply.type(scrape.contentType).send(body);
  });
  server.get('/healthz', async () => ({ status: 'ok' }));
  server.get('/readyz', async (_, reply) => {
    const state = readiness();
    return reply.status(state.ready ? 200 : 503).send(state);
  });
  try {
    await server.listen({ host, port });
  } catch (error) {
    const { code, message } = asControlError(error);
    const why = code === 'EADDRINUSE' ? 'EADDRINUSE; another program listens there, -m takes another address' : message;
    throw new ControlError(code, `${host}:${port}: ${why}`, error);
  }
  return server;
}
