/**
 * HTTP for scrapers and probes: /metrics (text or OpenMetrics by Accept), /healthz (the process), /readyz (forwarding).
 * Read-only. A scrape asks no worker; scrapers that come together share one collection.
 */
import fastify, { type FastifyInstance } from 'fastify';
import type { Exposition } from '../../../metrics/registry.js';

/** Whether the router forwards, and if not, why. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly why: readonly string[] };

/** Listens on `host`:`port`. Throws when it cannot. */
export async function listenHttp(
  host: string,
  port: number,
  metrics: Exposition,
  readiness: () => Readiness,
): Promise<FastifyInstance> {
  const server = fastify();
  server.get('/metrics', async (request, reply) => {
    const { contentType, body } = await metrics.scrape(request.headers.accept ?? '');
    return reply.type(contentType).send(body);
  });
  server.get('/healthz', async () => ({ status: 'ok' }));
  server.get('/readyz', async (_, reply) => {
    const state = readiness();
    return reply.status(state.ready ? 200 : 503).send(state);
  });
  await server.listen({ host, port });
  return server;
}
