/** Workers, slot pools, rings. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { Work, workLane } from '../src/shared/layout/counters.js';
import { Thread, threadBlock } from '../src/shared/layout/heap.js';
import { Ring } from '../src/shared/layout/rings.js';
import { ringOccupancy } from '../src/shared/ring/ring.js';
import type { MetricsSource } from './source.js';

/** Registers the collectors of workers, pools and rings. */
export function collectWorkers(registers: Registry[], source: MetricsSource): void {
  const { views, workers } = source;
  const work = (worker: number, word: Work): number => views.counters[workLane(views.sizes.threads, worker) + word];
  const counters: readonly (readonly [string, string, (worker: number) => number])[] = [
    ['smrouter_worker_bursts_total', 'Bursts processed.', (w) => work(w, Work.BURSTS)],
    ['smrouter_worker_frames_total', 'Frames processed.', (w) => work(w, Work.FRAMES)],
    ['smrouter_worker_sleeps_total', 'Times the worker went to sleep.', (w) => work(w, Work.SLEEPS)],
    ['smrouter_worker_naps_total', 'Times the worker let frames gather.', (w) => work(w, Work.NAPS)],
    ['smrouter_worker_busy_seconds_total', 'Seconds the worker was awake.', (w) => work(w, Work.BUSY_SECONDS)],
  ];
  for (const [name, help, value] of counters) {
    new Counter({
      name,
      help,
      labelNames: ['worker'],
      registers,
      collect() {
        this.reset();
        for (let w = 0; w < workers; w++) this.inc({ worker: String(w) }, value(w));
      },
    });
  }
  new Counter({
    name: 'smrouter_worker_deaths_total',
    help: 'Worker threads that ended unasked; each was replaced unless they die too often.',
    registers,
    collect() {
      this.reset();
      this.inc(source.replacements());
    },
  });
  new Counter({
    name: 'smrouter_worker_leaks_total',
    help: 'Workers that were replaced because they leaked: memory, slots (frames, superframes), or frames that they never brought to an end.',
    labelNames: ['what'],
    registers,
    collect() {
      this.reset();
      for (const [what, times] of Object.entries(source.leaks())) this.inc({ what }, times);
    },
  });
  new Gauge({
    name: 'smrouter_worker_heap_bytes',
    help: 'Bytes of the JavaScript heap of the worker, as of this second.',
    labelNames: ['worker'],
    registers,
    collect() {
      for (let w = 0; w < workers; w++)
        this.set({ worker: String(w) }, 1024 * views.heap[threadBlock(w) + Thread.HEAP_KIB]);
    },
  });
  new Gauge({
    name: 'smrouter_worker_held',
    help: 'Slots that the worker holds (frames, superframes), and frames that it has not brought to an end.',
    labelNames: ['worker', 'what'],
    registers,
    collect() {
      source.held().forEach((held, w) => {
        for (const [what, n] of Object.entries(held)) this.set({ worker: String(w), what }, n);
      });
    },
  });
  new Gauge({
    name: 'smrouter_worker_last_announce_seconds',
    help: 'Seconds since the worker last refreshed its clock; above 2 it is stuck.',
    labelNames: ['worker'],
    registers,
    collect() {
      for (let w = 0; w < workers; w++) {
        const ago = (source.uptimeMs() - views.heap[threadBlock(w) + Thread.HEARTBEAT]) | 0;
        this.set({ worker: String(w) }, Math.max(0, ago) / 1000);
      }
    },
  });
  new Gauge({
    name: 'smrouter_frames_free',
    help: 'Free slots in the caches of all threads, as of their last look.',
    labelNames: ['pool'],
    registers,
    collect() {
      let { frames, superframes } = source.mainFree();
      for (let w = 0; w < workers; w++) {
        frames += views.heap[threadBlock(w) + Thread.FREE_FRAMES];
        superframes += views.heap[threadBlock(w) + Thread.FREE_SUPERFRAMES];
      }
      this.set({ pool: 'frames' }, frames);
      this.set({ pool: 'superframes' }, superframes);
    },
  });
  new Gauge({
    name: 'smrouter_frames_limit',
    help: 'Slots there are.',
    labelNames: ['pool'],
    registers,
    collect() {
      this.set({ pool: 'frames' }, views.sizes.frames);
      this.set({ pool: 'superframes' }, views.sizes.superframes);
    },
  });
  new Gauge({
    name: 'smrouter_ready',
    help: '1 while /readyz says that the router forwards, else 0.',
    registers,
    collect() {
      this.set(source.ready() ? 1 : 0);
    },
  });
  new Gauge({
    name: 'smrouter_ring_capacity',
    help: 'Entries a ring holds.',
    labelNames: ['ring'],
    registers,
    collect() {
      for (const ring of source.rings()) this.set({ ring: ring.name }, views.rings[ring.base + Ring.CAPACITY]);
    },
  });
  new Gauge({
    name: 'smrouter_ring_occupancy',
    help: 'Entries in a ring now.',
    labelNames: ['ring'],
    registers,
    collect() {
      for (const ring of source.rings()) this.set({ ring: ring.name }, ringOccupancy(views.rings, ring.base));
    },
  });
  new Counter({
    name: 'smrouter_ring_refused_total',
    help: 'Entries that found a ring full.',
    labelNames: ['ring'],
    registers,
    collect() {
      this.reset();
      for (const ring of source.rings()) this.inc({ ring: ring.name }, views.rings[ring.base + Ring.REFUSED]);
    },
  });
}
