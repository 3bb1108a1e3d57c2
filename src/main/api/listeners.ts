/**
 * Everything that listens for clients: the control socket, and HTTP with the metrics. A module of its own, which smrouterd loads when the
 * workers forward already, since its libraries take longer to load than all else. Main only.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { createMetrics } from '../../../metrics/registry.js';
import { metricsSource } from '../metrics-source.js';
import type { Router } from '../router.js';
import { shownOf } from '../status.js';
import type { AccessGroups } from './access.js';
import { type Complain, Connections } from './connections.js';
import { listenControl, type RunCommand } from './control-socket.js';
import { listenHttp } from './http.js';

/** What the daemon before may take to give up its socket and its port. */
const LEAVING_MS = 5000;

/** Where to listen, and for whom. */
export interface ListenOptions {
  readonly socket: string;
  readonly groups: AccessGroups;
  readonly host: string;
  readonly port: number;
  /** Whether another daemon may still be on its way out. */
  readonly busy: boolean;
  /** Lines of the log that were lost. */
  readonly logLost: () => number;
}

/**
 * Listens for clients of `router`; `run` answers commands. What listens is added to `open` as soon as it does, to be closed by the caller
 * also if another cannot. Resolves to the origin of the metrics, `http://HOST:PORT`. Throws what kept it from listening.
 */
export async function listen(
  router: Router,
  { socket, groups, host, port, busy, logLost }: ListenOptions,
  run: RunCommand,
  complain: Complain,
  open: { close(): unknown }[],
): Promise<string> {
  const forHttp = new Connections('http', complain);
  const forControl = new Connections('control', complain);
  const metrics = createMetrics(metricsSource(router, [forHttp, forControl], logLost));
  router.onGrace = (seconds) => metrics.onGrace(seconds);
  const opened = async (listening: () => Promise<FastifyInstance>): Promise<FastifyInstance> => {
    const server = await onceFree(busy, listening);
    open.push(server);
    return server;
  };
  await opened(() => listenControl(socket, run, groups, router.captureStreams, forControl));
  const http = await opened(() => listenHttp(host, port, shownOf(router, metrics), forHttp));
  return http.listeningOrigin;
}

/** Tries again while the daemon before is on its way out, for so long at most. */
async function onceFree<T>(busy: boolean, listening: () => Promise<T>): Promise<T> {
  for (const end = performance.now() + LEAVING_MS; ; ) {
    try {
      return await listening();
    } catch (error) {
      const { code } = error as { code?: string };
      if (!busy || performance.now() > end || (code !== 'EBUSY' && code !== 'EADDRINUSE')) throw error;
      await sleep(10);
    }
  }
}
