/**
 * The registry: every collector, and the exposition that HTTP serves.
 *
 * Scrapes are single-flight with a short cache, so that a thousand scrapers cost one.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { collectDefaultMetrics, type OpenMetricsContentType, Registry } from 'prom-client';
import { collectBooks } from './books.js';
import { collectCaptures } from './capture.js';
import { collectErspan } from './erspan.js';
import { collectInterfaces } from './interface.js';
import { collectListeners } from './listener.js';
import { collectSmr } from './smr.js';
import type { MetricsSource } from './source.js';
import { collectSids } from './srv6.js';
import { collectVebs } from './veb.js';
import { collectWorkers } from './worker.js';

/** One scrape's answer. */
export interface Scrape {
  readonly contentType: string;
  readonly body: string;
}

/** What HTTP needs of the metrics. */
export interface Exposition {
  /** The metrics in the format that `accept` (an HTTP Accept header) asks for: OpenMetrics if named, else text. */
  scrape(accept: string): Promise<Scrape>;
  /** To be called with each grace period's length in seconds. */
  onGrace(seconds: number): void;
  /** Names of all metrics, for the documentation test. */
  names(): string[];
}

/** An answer is given again while it is being made and for this many milliseconds after. */
const CACHE_MS = 200;
/** Metrics are collected for so many milliseconds at a time; commands and probes are answered in between. */
const SLICE_MS = 3;
/** Metrics whose names begin so are collected without a pause between: they are of one moment, or they would not balance. */
const ONE_MOMENT = 'smrouter_books_';

/** Gauges of prom-client that are called like counters, which `promtool check metrics` refuses. Those without `_total` say more. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/**
 * Milliseconds between two looks at the main thread's lag, which the measured times include. With prom-client's own 10 the main thread of an
 * idle router woke 200 times a second for it, as there are two registries, and on a core that it shares with a worker each costs 35 µs.
 */
const LAG_LOOK_MS = 100;

/** Registers every collector with `register`. Returns what is to be called with each grace period's length. */
function collect(register: Registry, source: MetricsSource): (seconds: number) => void {
  const registers = [register];
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: LAG_LOOK_MS });
  for (const name of MISNAMED) register.removeSingleMetric(name);
  collectInterfaces(registers, source);
  collectVebs(registers, source);
  collectErspan(registers, source);
  collectCaptures(registers, source);
  collectSids(registers, source);
  collectListeners(registers, source);
  collectWorkers(registers, source);
  collectBooks(registers, source);
  return collectSmr(registers, source);
}

/** What `registry.metrics()` returns, made in slices, as a thousand interfaces take a while. */
async function exposition(registry: Registry, names: readonly string[]): Promise<string> {
  const open = registry.contentType === (Registry.OPENMETRICS_CONTENT_TYPE as string);
  const parts: string[] = [];
  for (let began = performance.now(), n = 0; n < names.length; n++) {
    parts.push(await registry.getSingleMetricAsString(names[n] as string));
    if (performance.now() - began < SLICE_MS) continue;
    if ([names[n], names[n + 1]].every((name) => name?.startsWith(ONE_MOMENT))) continue;
    await turn();
    began = performance.now();
  }
  return open ? `${parts.join('\n')}\n# EOF\n` : `${parts.join('\n\n')}\n`;
}

/** Makes the registries over `source`: one for each format, as a counter's family has another name in OpenMetrics. */
export function createMetrics(source: MetricsSource): Exposition {
  const text = new Registry();
  const open: Registry = new Registry();
  (open as unknown as Registry<OpenMetricsContentType>).setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const observers = [collect(text, source), collect(open, source)];
  const onGrace = (seconds: number): void => {
    for (const observe of observers) observe(seconds);
  };
  const names = text.getMetricsAsArray().map(({ name }) => name);
  for (const metric of open.getMetricsAsArray() as { name: string; type: unknown }[]) {
    if (metric.type === 'counter') metric.name = metric.name.replace(/_total$/, '');
  }
  const cached = new Map<Registry, { until: number; scrape: Promise<Scrape> }>();
  return {
    onGrace,
    names: () => names,
    scrape: (accept) => {
      const registry = accept.includes('application/openmetrics-text') ? open : text;
      const last = cached.get(registry);
      if (last !== undefined && performance.now() < last.until) return last.scrape;
      const scrape = exposition(registry, names).then((body) => ({ contentType: registry.contentType, body }));
      const entry = { until: Number.POSITIVE_INFINITY, scrape };
      cached.set(registry, entry);
      const age = (): void => {
        entry.until = performance.now() + CACHE_MS;
      };
      scrape.then(age, age);
      return scrape;
    },
  };
}
