/**
 * A configuration of 10 000 lines: a reload with two lines changed takes the steps for these and no others, and one that fails changes nothing.
 * Times are printed and never asserted.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { readConfig } from '../../src/main/cli/command.js';
import { plan, type Step } from '../../src/main/config/plan.js';
import type { Route } from '../../src/main/config/routes.js';
import { runningLines } from '../../src/main/config/running.js';
import type { State } from '../../src/main/config/state.js';
import { Router } from '../../src/main/router.js';
import { smallSizes } from '../support/stations.js';
import { silent } from '../support/stress.js';

const VEBS = 20;
const PORTS = 400;
const DOMAINS = 50;
const RULES = 4500;
const LINES = 10_000;

/** The lines, of interfaces first; what is left of 10 000 are routes. */
function configuration(): string[] {
  const count = (n: number): number[] => Array.from({ length: n }, (_, k) => k);
  const lines = [
    ...count(VEBS).map((n) => `ifconfig veb${n} create up`),
    ...count(PORTS).map((n) => `ifconfig mem${n} create up`),
    ...count(PORTS).map((n) => `ifconfig veb${n % VEBS} add mem${n}`),
    ...count(DOMAINS).map((n) => `ifconfig vport${n} create rdomain ${n} inet 10.${n}.0.1/24 up`),
    ...count(DOMAINS).map((n) => `ifconfig veb${n % VEBS} add vport${n}`),
    ...count(RULES).map((n) => {
      const port = n % PORTS;
      const mac = `02:00:00:00:${(n >> 8).toString(16)}:${(n & 255).toString(16)}`;
      return `ifconfig veb${port % VEBS} rule block in on mem${port} src ${mac}`;
    }),
  ];
  for (let n = 0; lines.length < LINES; n++) {
    const domain = n % DOMAINS;
    lines.push(
      `route -T ${domain} add 172.${16 + (n >> 12)}.${(n >> 4) & 255}.${(n & 15) << 4}/28 10.${domain}.0.${2 + (n % 200)}`,
    );
  }
  return lines;
}

/** What `work` came to, its time printed. */
function timed<T>(t: TestContext, what: string, work: () => T): T {
  const start = performance.now();
  const result = work();
  t.diagnostic(`${what}: ${(performance.now() - start).toFixed(0)} ms`);
  return result;
}

/** Lets the router have what a file says, as a reload does. */
function adopt(draft: State, next: State): void {
  Object.assign(draft.settings, next.settings);
  draft.routes.splice(0, draft.routes.length, ...next.routes);
  draft.interfaces.clear();
  for (const [name, spec] of next.interfaces) draft.interfaces.set(name, spec);
}

const base = configuration();
const at = (start: string): number => base.findIndex((line) => line.startsWith(start));
/** Two lines others than before: the last route, and a port's setting. */
const changed = base
  .with(-1, 'route -T 7 add 192.168.0.0/16 10.7.0.9')
  .with(at('ifconfig mem17 '), 'ifconfig mem17 create description uplink up');

describe('10 000 lines', () => {
  it('two changed lines are two steps, of these alone', (t) => {
    const old = timed(t, 'parse', () => readConfig('F', base.join('\n')));
    const next = readConfig('F', changed.join('\n'));
    const steps = timed(t, 'plan', () => plan(old, next));
    assert.deepEqual(
      steps.map(({ op }) => op),
      ['attributes', 'routes'],
    );
    const [attributes, routes] = steps as [Extract<Step, { op: 'attributes' }>, Extract<Step, { op: 'routes' }>];
    assert.deepEqual([attributes.after.name, attributes.after.description], ['mem17', 'uplink']);
    const only = (a: ReadonlyMap<string, Route>, b: ReadonlyMap<string, Route>): string[] =>
      [...a.keys()].filter((key) => !b.has(key));
    assert.equal(only(routes.before, routes.after).length, 1);
    assert.deepEqual(only(routes.after, routes.before), ['7 192.168.0.0/16']);
    assert.deepEqual(
      timed(t, 'plan of nothing', () => plan(old, readConfig('F', base.join('\n')))),
      [],
    );
  });

  it('a running router takes it, and one that cannot be taken changes nothing', async (t) => {
    const router = await Router.start({
      workers: 1,
      kernelTaps: false,
      sizes: { ...smallSizes(2), ringBytes: 64 << 20 },
      log: silent,
    });
    try {
      const reload = async (lines: readonly string[]): Promise<void> => {
        const next = readConfig('F', lines.join('\n'));
        await router.change(({ state }) => adopt(state, next));
      };
      const start = performance.now();
      await reload(base);
      t.diagnostic(`applied: ${(performance.now() - start).toFixed(0)} ms`);
      const before = performance.now();
      await reload(changed);
      t.diagnostic(`two lines more, parsed, planned and applied: ${(performance.now() - before).toFixed(0)} ms`);
      await router.grace();
      const running = runningLines(router.state);
      const heap = router.memory.heap.usedWords;
      const unlike = [...changed.toSpliced(at('ifconfig mem5 '), 1), 'ifconfig mem900 create up'].filter(
        (line) => !/\bmem5\b/.test(line),
      );
      await assert.rejects(reload([...unlike, 'ifconfig veb0 maxaddr 1048576']), { code: 'ENOMEM' });
      await assert.rejects(reload([...unlike, 'ifconfig veb0 nonsense']), /F:\d+: /);
      await router.grace();
      assert.deepEqual(runningLines(router.state), running);
      assert.equal(router.memory.heap.usedWords, heap);
    } finally {
      await router.stop();
    }
  });
});
