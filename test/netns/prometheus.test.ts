/**
 * Debian's Prometheus scrapes a running smrouterd: its tools find nothing wrong with the exposition, it stores what is there,
 * and the alert rules work on it and are quiet.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Daemon } from '../support/daemon.js';
import { until } from '../support/programs.js';
import { METRICS, needs, PROMETHEUS, PROMTOOL, promtool, samples } from '../support/prometheus.js';

const PORTS = 99;
const START_MS = 30_000;
const SCRAPED_MS = 20_000;
const STOP_MS = 10_000;
const CALL_MS = 5000;

/** A series of an instant query. */
interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

interface Rule {
  readonly name: string;
  readonly health: string;
  readonly state: string;
  readonly lastError?: string;
  readonly lastEvaluation: string;
}

interface ActiveTarget {
  readonly health: string;
  readonly lastError: string;
  readonly lastScrapeDuration: number;
}

const running = new Set<Prometheus>();

process.on('exit', () => {
  for (const prometheus of running) prometheus.kill();
});

/** Prometheus as a child: scrapes once a second, keeps its files in a folder of its own. */
class Prometheus {
  readonly folder: string;
  private readonly child: ChildProcess;
  private readonly origin: string;
  private readonly ended: Promise<void>;
  private over = false;
  private said = '';

  /** Starts it on a free port; resolves when it answers. Rejects with what it printed when it does not. */
  static async start(target: string): Promise<Prometheus> {
    const prometheus = new Prometheus(target, await freePort());
    try {
      await until('ready', START_MS, () => prometheus.over || prometheus.ready());
      if (prometheus.over) throw new Error('it ended');
    } catch (error) {
      await prometheus.stop();
      throw new Error(`prometheus: ${(error as Error).message}: ${prometheus.said}`, { cause: error });
    }
    return prometheus;
  }

  private constructor(target: string, port: number) {
    this.origin = `http://127.0.0.1:${port}`;
    this.folder = mkdtempSync(join(tmpdir(), 'smrouter-prometheus-'));
    const config = join(this.folder, 'prometheus.yml');
    // JSON is YAML.
    const content = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: [join(METRICS, 'alerts/smrouter.rules.yml')],
      scrape_configs: [{ job_name: 'smrouter', static_configs: [{ targets: [target] }] }],
    };
    writeFileSync(config, JSON.stringify(content));
    const storage = `--storage.tsdb.path=${join(this.folder, 'data')}`;
    const listen = `--web.listen-address=127.0.0.1:${port}`;
    const args = [`--config.file=${config}`, storage, listen, '--log.level=warn'];
    this.child = spawn(PROMETHEUS, args, { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.said += chunk.toString();
      });
    }
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.over = true;
        resolve();
      };
      this.child.once('error', end).once('close', end);
    });
  }

  /** The series of an instant query. */
  async query(expression: string): Promise<Series[]> {
    const { result } = await this.api<{ result: Series[] }>(`query?query=${encodeURIComponent(expression)}`);
    return result;
  }

  /** The only number of an instant query; undefined when there is no series. */
  async number(expression: string): Promise<number | undefined> {
    const [series, ...more] = await this.query(expression);
    assert.deepEqual(more, []);
    return series === undefined ? undefined : Number(series.value[1]);
  }

  async target(): Promise<ActiveTarget> {
    const { activeTargets } = await this.api<{ activeTargets: ActiveTarget[] }>('targets');
    return activeTargets[0];
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.api<{ groups: { rules: Rule[] }[] }>('rules');
    return groups.flatMap((group) => group.rules);
  }

  /** Ends it and removes its files. A second call is no error. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const kill = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    await this.ended;
    clearTimeout(kill);
    this.kill();
  }

  /** At once, for an exit. */
  kill(): void {
    running.delete(this);
    if (!this.over) this.child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  private async ready(): Promise<boolean> {
    try {
      return (await fetch(`${this.origin}/-/ready`, { signal: AbortSignal.timeout(CALL_MS) })).ok;
    } catch {
      return false;
    }
  }

  private async api<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.origin}/api/v1/${path}`, { signal: AbortSignal.timeout(CALL_MS) });
    const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string };
    assert.equal(status, 'success', error);
    return data;
  }
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve((address as { port: number }).port));
    });
  });
}

describe('Prometheus', { skip: needs(PROMETHEUS, PROMTOOL) }, () => {
  const names = Array.from({ length: PORTS }, (_, n) => `mem${n}`);
  let daemon: Daemon;
  let prometheus: Prometheus;

  before(async () => {
    const ports = names.map((name) => `ifconfig ${name} create up`);
    const bridge = `ifconfig veb0 create up ${names.map((name) => `add ${name}`).join(' ')}`;
    daemon = await Daemon.start({ config: [...ports, bridge], workers: 2 });
    prometheus = await Prometheus.start(new URL(daemon.origin).host);
  });
  after(async () => {
    await prometheus?.stop();
    await daemon?.stop();
  });

  it('promtool check metrics finds nothing wrong', async () => {
    const text = await (await fetch(`${daemon.origin}/metrics`)).text();
    assert.deepEqual(promtool(['check', 'metrics'], text), { status: 0, output: '' });
  });

  it('scrapes, and has every interface', async (t) => {
    await until('up == 1', SCRAPED_MS, async () => (await prometheus.number('up{job="smrouter"}')) === 1);
    const up = await prometheus.query('smrouter_interface_up == 1');
    assert.deepEqual(up.map(({ metric }) => metric.interface).sort(), [...names, 'veb0'].sort());
    assert.equal(await prometheus.number('count(smrouter_worker_last_announce_seconds < 2)'), 2);
    const info = await prometheus.query('count by (type) (smrouter_interface_info)');
    assert.deepEqual(Object.fromEntries(info.map(({ metric, value }) => [metric.type, Number(value[1])])), {
      mem: PORTS,
      veb: 1,
    });
    const { health, lastError, lastScrapeDuration } = await prometheus.target();
    assert.deepEqual([health, lastError], ['up', '']);
    t.diagnostic(`a scrape of ${PORTS + 1} interfaces by Prometheus: ${(lastScrapeDuration * 1000).toFixed(1)} ms`);
  });

  it('stores every series that the exposition has', async () => {
    const text = await (await fetch(`${daemon.origin}/metrics`)).text();
    const ours = samples(text).filter(({ name }) => name.startsWith('smrouter_'));
    const stored = new Map(
      (await prometheus.query('count by (__name__) ({__name__=~"smrouter_.+"})')).map(({ metric, value }) => [
        metric.__name__,
        Number(value[1]),
      ]),
    );
    const counts = new Map<string, number>();
    for (const { name } of ours) counts.set(name, (counts.get(name) ?? 0) + 1);
    assert.ok(counts.size > 30);
    assert.deepEqual([...stored].sort(), [...counts].sort());
  });

  it('rates: a worker that sleeps is counted', async () => {
    await until(
      'a rate',
      SCRAPED_MS,
      async () => (await prometheus.number('sum(rate(smrouter_worker_sleeps_total[10s]))')) as number,
    );
    const busy = (await prometheus.number('max(rate(smrouter_worker_busy_seconds_total[10s]))')) as number;
    assert.ok(busy >= 0 && busy < 1.1, `busy share ${busy}`);
  });

  it('the alert rules work on it, and none fires', async () => {
    const rules = await until('rules evaluated', SCRAPED_MS, async () => {
      const all = await prometheus.rules();
      return all.length > 0 && all.every((rule) => rule.health !== 'unknown') ? all : undefined;
    });
    for (const { name, health, state, lastError } of rules) {
      assert.deepEqual([name, health, state, lastError ?? ''], [name, 'ok', 'inactive', '']);
    }
  });

  it('sees that the daemon is gone, and SmrouterDown is pending', async () => {
    assert.equal(await daemon.stop(), 0);
    await until('up == 0', SCRAPED_MS, async () => (await prometheus.number('up{job="smrouter"}')) === 0);
    await until('pending', SCRAPED_MS, async () =>
      (await prometheus.rules()).some((rule) => rule.name === 'SmrouterDown' && rule.state === 'pending'),
    );
  });

  it('leaves nothing', async () => {
    assert.ok(existsSync(prometheus.folder));
    await prometheus.stop();
    assert.ok(!existsSync(prometheus.folder));
  });
});
