/**
 * The Grafana dashboard: it shows only what is exported, with labels that exist, for the instances chosen, and its panels
 * lie beside each other (metrics/dashboards).
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryFolder } from '../../support/programs.js';
import {
  exported,
  METRICS,
  namesIn,
  needs,
  PROMTOOL,
  promtool,
  resultLabels,
  unknownNames,
} from '../../support/prometheus.js';

interface Target {
  readonly expr: string;
  readonly legendFormat: string;
  readonly refId: string;
  readonly datasource: { readonly uid: string };
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
  readonly panels: readonly Panel[];
}

const text = readFileSync(join(METRICS, 'dashboards/smrouter.json'), 'utf8');
const dashboard = JSON.parse(text) as Dashboard;
const drawn = dashboard.panels.filter((panel) => panel.type !== 'row');
const variables = dashboard.templating.list;
const known = await exported();

test('a dashboard of Grafana 10 or later, with a data source and instances to choose', () => {
  assert.equal(dashboard.uid, 'smrouter');
  assert.ok(dashboard.schemaVersion >= 38);
  assert.deepEqual(
    variables.map(({ name, type }) => `${name} ${type}`),
    ['datasource datasource', 'instance query', 'interface query'],
  );
});

test('the variables are filled from labels that exist', () => {
  for (const { definition } of variables.filter(({ type }) => type === 'query')) {
    const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(definition as string) as unknown as string[];
    assert.deepEqual(unknownNames(selector, known), []);
    assert.ok(resultLabels(selector, known).has(label), label);
  }
});

test('no variable is used that is not there', () => {
  const builtIn = ['__rate_interval', '__all', '__interval', '__range'];
  const names = [...variables.map(({ name }) => name), ...builtIn];
  for (const [, name] of text.matchAll(/\$\{?(\w+)/g)) assert.ok(names.includes(name), `$${name}`);
});

test('numbers are unique, and no panel covers another or leaves the 24 columns', () => {
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  const cells = new Map<string, string>();
  for (const { title, gridPos } of dashboard.panels) {
    assert.ok(gridPos.x >= 0 && gridPos.w > 0 && gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(!cells.has(`${x},${y}`), `${title} covers ${cells.get(`${x},${y}`)}`);
        cells.set(`${x},${y}`, title);
      }
    }
  }
});

for (const row of ['Interfaces', 'Drops', 'Bridges', 'Workers', 'Slots and rings', 'Reclamation', 'Books', 'Process']) {
  test(`a row ${row}, with panels`, () => {
    const at = dashboard.panels.findIndex((panel) => panel.type === 'row' && panel.title === row);
    assert.ok(at >= 0);
    assert.notEqual(dashboard.panels[at + 1]?.type ?? 'row', 'row');
  });
}

for (const { title, id, datasource, targets = [] } of drawn) {
  test(`panel ${id}, ${title}: what it names is exported, for the instances chosen`, () => {
    assert.deepEqual(datasource, { type: 'prometheus', uid: '$' + '{datasource}' });
    assert.ok(targets.length > 0);
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length);
    for (const { expr, legendFormat } of targets) {
      assert.deepEqual(unknownNames(expr, known), [], expr);
      for (const { name, matchers } of namesIn(expr).selectors) {
        const chosen = matchers.find(({ label }) => label === 'instance');
        assert.deepEqual(chosen, { label: 'instance', operator: '=~', value: '$instance' }, `${name} in ${expr}`);
        // Names that others export too need the job.
        if (!name.startsWith('smrouter_')) assert.ok(matchers.some((m) => m.label === 'job' && m.value === 'smrouter'));
      }
      const has = resultLabels(expr, known);
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) assert.ok(has.has(label), `${label} of ${expr}`);
    }
  });

  test(`panel ${id}, ${title}: a counter only as a rate or an increase, a gauge never`, () => {
    for (const { expr } of targets) {
      // The books are compared as they stand.
      if (expr.includes('smrouter_books_held') && expr.includes(' - ')) continue;
      for (const { name } of namesIn(expr).selectors) {
        const counter = /_(total|bucket|count)$/.test(name);
        assert.equal(new RegExp(`(rate|increase)\\(${name}{`).test(expr), counter, `${name} in ${expr}`);
      }
    }
  });
}

test('promtool reads every expression', { skip: needs(PROMTOOL) }, () => {
  const exprs = drawn.flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m')),
  );
  const rules = exprs.map(
    (expr, n) => `      - record: panel:expression:${n}\n        expr: ${JSON.stringify(expr)}\n`,
  );
  const file = join(temporaryFolder(), 'panels.yml');
  writeFileSync(file, `groups:\n  - name: dashboard\n    rules:\n${rules.join('')}`);
  const { status, output } = promtool(['check', 'rules', file]);
  assert.equal(status, 0, output);
  assert.match(output, new RegExp(`${exprs.length} rules found`));
});
