/**
 * The router at a glance, as plain values from the counters alone: what the status page and `smrctl top` are drawn from.
 * Main only; asks no worker.
 */
import type { Exposition } from '../../metrics/registry.js';
import { drops, lostWithWorkers, NO_INTERFACE, total } from '../shared/counter/books.js';
import { DROP_REASONS, Drop } from '../shared/counter/drop-reason.js';
import { Lane, Work, workLane } from '../shared/layout/counters.js';
import { If, IfFlag, ifRecord, Thread, threadBlock } from '../shared/layout/heap.js';
import type { Shown } from './api/http.js';
import { readiness } from './metrics-source.js';
import type { Router } from './router.js';

/** One interface; counters are since it was made. */
export interface InterfaceStatus {
  readonly name: string;
  readonly type: string;
  readonly rdomain: number;
  readonly description: string;
  readonly up: boolean;
  readonly running: boolean;
  /** The veb that it is a port of; empty = none. */
  readonly veb: string;
  /** Whether it is a span port there. */
  readonly span: boolean;
  /** The other end of an rport; empty = none. */
  readonly peer: string;
  readonly addresses: readonly string[];
  readonly ipackets: number;
  readonly ibytes: number;
  readonly opackets: number;
  readonly obytes: number;
  readonly drops: number;
}

/** One worker; counters are since the start. */
export interface WorkerStatus {
  readonly worker: number;
  readonly forwarding: boolean;
  readonly bursts: number;
  readonly frames: number;
  readonly busySeconds: number;
  readonly sleeps: number;
  readonly silentMs: number;
  readonly freeFrames: number;
  readonly freeSuperframes: number;
}

/** Everything, at one moment. */
export interface Status {
  /** Uptime in milliseconds; the clock that rates are reckoned by. */
  readonly uptimeMs: number;
  readonly ready: boolean;
  /** Why not, in words. */
  readonly why: readonly string[];
  readonly interfaces: readonly InterfaceStatus[];
  /** Reasons that have dropped anything, by interface. */
  readonly drops: readonly { readonly interface: string; readonly reason: string; readonly frames: number }[];
  readonly workers: readonly WorkerStatus[];
  readonly smr: { readonly epoch: number; readonly deferredObjects: number; readonly deferredBytes: number };
  /** Equations of the books that do not hold; while frames move, some may not. */
  readonly unbalanced: number;
}

/** Reads it all. */
export function statusOf(router: Router): Status {
  const { views, workers } = router.memory;
  const state = readiness(router);
  const { epoch, deferredObjects, deferredBytes } = router.reclaimer.status();
  const dropped = dropsOf(router);
  return {
    uptimeMs: Math.round(router.uptimeMs()),
    ready: state.ready,
    why: state.ready ? [] : state.why,
    interfaces: interfacesOf(router, dropped),
    drops: dropped,
    workers: Array.from({ length: workers }, (_, w) => {
      const block = threadBlock(w);
      const lane = workLane(views.sizes.threads, w);
      return {
        worker: w,
        forwarding: views.heap[block + Thread.STATE] === 1,
        bursts: views.counters[lane + Work.BURSTS],
        frames: views.counters[lane + Work.FRAMES],
        busySeconds: views.counters[lane + Work.BUSY_SECONDS],
        sleeps: views.counters[lane + Work.SLEEPS],
        silentMs: Math.max(0, (router.uptimeMs() - views.heap[block + Thread.HEARTBEAT]) | 0),
        freeFrames: views.heap[block + Thread.FREE_FRAMES],
        freeSuperframes: views.heap[block + Thread.FREE_SUPERFRAMES],
      };
    }),
    smr: { epoch, deferredObjects, deferredBytes },
    unbalanced: router.books().errors.length,
  };
}

/** What HTTP shows of `router`. */
export function shownOf(router: Router, metrics: Exposition): Shown {
  return { metrics, readiness: () => readiness(router), status: () => statusOf(router) };
}

function dropsOf(router: Router): Status['drops'] {
  const { views } = router.memory;
  const rows = router.table.all().flatMap(({ index, name }) =>
    DROP_REASONS.map((reason, number) => ({
      interface: name,
      reason: reason.name,
      frames: drops(views, index, number),
    })),
  );
  const lost = lostWithWorkers(views);
  rows.push({ interface: NO_INTERFACE, reason: DROP_REASONS[Drop.WORKER_LOST].name, frames: lost });
  return rows.filter(({ frames }) => frames > 0);
}

function interfacesOf(router: Router, dropped: Status['drops']): InterfaceStatus[] {
  const { views } = router.memory;
  return router.table.all().map(({ index, name, type, spec }) => {
    const record = ifRecord(index);
    const veb = router.table.nameOf(views.heap[record + If.BRIDGE]);
    const sum = (word: number): number => total(views, index, word);
    return {
      name,
      type,
      rdomain: spec.rdomain,
      description: spec.description,
      up: spec.up,
      running: (views.heap[record + If.FLAGS] & IfFlag.RUNNING) !== 0,
      veb: veb === '?' ? '' : veb,
      span: router.state.interfaces.get(veb)?.veb?.spans.includes(name) ?? false,
      peer: spec.peer,
      addresses: spec.addresses.map(({ address, length }) => `${address}/${length}`),
      ipackets: sum(Lane.IPACKETS),
      ibytes: sum(Lane.IBYTES),
      opackets: sum(Lane.OPACKETS),
      obytes: sum(Lane.OBYTES),
      drops: dropped.reduce((frames, drop) => frames + (drop.interface === name ? drop.frames : 0), 0),
    };
  });
}
