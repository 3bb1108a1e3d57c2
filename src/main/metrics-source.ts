/**
 * What metrics and probes see of a router.
 */
import type { MeteredListener, MetricsSource } from '../../metrics/source.js';
import { Thread, threadBlock } from '../shared/layout/heap.js';
import type { Readiness } from './api/http.js';
import { formatAddress } from './config/address.js';
import { capturesOf } from './control/capture-list.js';
import { isDevice } from './control/interface-table.js';
import { type Router, STUCK_MS } from './router.js';

/** The collectors' view of `router`, of who listens, and of lines that the log has lost. */
export function metricsSource(
  router: Router,
  listeners: readonly MeteredListener[] = [],
  logLost: () => number = () => 0,
): MetricsSource {
  const { memory, table, vebs } = router;
  return {
    views: memory.views,
    workers: memory.workers,
    interfaces: () =>
      table
        .all()
        .map(({ index, name, type, spec }) => ({ index, name, type, device: isDevice(type), rdomain: spec.rdomain })),
    vebs: () =>
      table
        .all()
        .filter((live) => live.type === 'veb')
        .map((live) => ({
          name: live.name,
          index: live.index,
          addresses: vebs.count(live),
          limit: vebs.limit(live),
        })),
    streams: () => meteredStreams(router),
    captures: () => capturesOf(router),
    sids: () => router.routing.countedSids(),
    rings: () => memory.namedRings,
    smr: () => router.reclaimer.status(),
    books: () => router.books(),
    uptimeMs: () => router.uptimeMs(),
    ready: () => readiness(router).ready,
    replacements: () => router.replacements,
    held: () => router.heldByWorkers(),
    leaks: () => router.leaks,
    listeners: () => listeners,
    logLost,
    mainFree: () => ({ frames: memory.cache.freeFrames, superframes: memory.cache.freeSuperframes }),
  };
}

/** Whether `router` forwards: all workers run and announce, and every pool has a slot. */
export function readiness(router: Router): Readiness {
  const { heap } = router.memory.views;
  const why: string[] = [];
  for (let w = 0; w < router.memory.workers; w++) {
    const block = threadBlock(w);
    const silent = (router.uptimeMs() - heap[block + Thread.HEARTBEAT]) | 0;
    if (router.lostWorkers.has(w) || heap[block + Thread.STATE] !== 1) why.push(`worker ${w} does not run`);
    else if (silent > STUCK_MS) why.push(`worker ${w} has not announced for ${silent} ms`);
    if (heap[block + Thread.FREE_SUPERFRAMES] === 0) why.push(`worker ${w} has no free superframe slot`);
    if (heap[block + Thread.FREE_FRAMES] === 0) why.push(`worker ${w} has no free frame slot`);
  }
  return why.length === 0 ? { ready: true } : { ready: false, why };
}

/** Streams of tunnels whose interface lives. */
function meteredStreams(router: Router): ReturnType<MetricsSource['streams']> {
  const { streams, untracked } = router.sequences();
  const tracked = streams.flatMap(({ interface: where, source, ...counts }) => {
    const live = router.table.at(where & 0xffff);
    if (live === undefined || live.generation !== where >>> 16) return [];
    const four = live.spec.tunnel?.local.includes(':') !== true;
    return [{ ...counts, interface: live.name, source: formatAddress(four ? source.slice(0, 1) : source) }];
  });
  return { tracked, untracked };
}
