/**
 * The alert rules: they name only what is exported, every rule says what an operator needs and has a firing and a quiet case,
 * and promtool agrees (metrics/alerts).
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { DROP_REASONS } from '../../../src/shared/counter/drop-reason.js';
import {
  exported,
  METRICS,
  namesIn,
  needs,
  PROMTOOL,
  promtool,
  readYaml,
  resultLabels,
  unknownNames,
} from '../../support/prometheus.js';

const RULES = join(METRICS, 'alerts/smrouter.rules.yml');
const CASES = join(METRICS, 'alerts/smrouter.rules.test.yml');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

interface Case {
  readonly promql_expr_test: readonly { readonly expr: string; readonly exp_samples: readonly unknown[] }[];
}

const { groups } = readYaml(RULES) as unknown as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const { tests } = readYaml(CASES) as unknown as { tests: Case[] };
const questions = tests.flatMap((one) => one.promql_expr_test);
const known = await exported();

test('every rule has a name of its own', () => {
  assert.ok(rules.length >= 15);
  assert.equal(new Set(rules.map((rule) => rule.alert)).size, rules.length);
});

for (const { alert, expr, labels, annotations } of rules) {
  test(`${alert}: what it names is exported, with those labels`, () => {
    assert.deepEqual(unknownNames(expr, known), []);
  });

  test(`${alert}: severity, summary, description, runbook, and only labels that it has`, () => {
    assert.match(alert, /^Smrouter[A-Z]\w+$/);
    assert.match(labels.severity, /^(critical|warning|info)$/);
    assert.deepEqual(Object.keys(annotations).sort(), ['description', 'runbook', 'summary']);
    const has = resultLabels(expr, known);
    for (const text of Object.values(annotations)) {
      assert.ok(text.length > 10);
      for (const [, label] of text.matchAll(/\$labels\.(\w+)/g))
        assert.ok(has.has(label), `no label ${label}: ${text}`);
    }
  });

  test(`${alert}: a firing and a quiet case`, () => {
    const own = questions.filter((question) => question.expr.includes(`alertname="${alert}"`));
    assert.ok(own.some((question) => question.exp_samples.length > 0));
    assert.ok(own.some((question) => question.exp_samples.length === 0 && question.expr.includes('instance="good"')));
  });
}

test('a name or a label that nobody exports is found', () => {
  const wrong = [
    'smrouter_nothing_total > 1',
    'rate(smrouter_drops_total{cause="runt"}[5m])',
    'sum by (port) (smrouter_veb_addresses)',
    'max(smrouter_frames_free) or smrouter_frame_free{pool="frames"}',
    'smrouter_interface_read_frames > 0',
    'smrouter_smr_epoch * on (veb) smrouter_frames_free',
    '1 > 2',
  ];
  for (const expr of wrong) assert.equal(unknownNames(expr, known).length, 1, expr);
});

test('each drop reason is in at most one group, and each name in a group is a reason', () => {
  const reasons = DROP_REASONS.map((reason) => reason.name);
  const matchers = rules.flatMap(({ expr }) =>
    namesIn(expr).selectors.flatMap((s) => s.matchers.filter((matcher) => matcher.label === 'reason')),
  );
  const grouped = matchers.filter((m) => m.operator === '=~').flatMap((m) => m.value.split('|'));
  assert.equal(new Set(grouped).size, grouped.length);
  for (const name of grouped) assert.ok(reasons.includes(name), `${name} is not a drop reason`);
  const [other, ...more] = matchers.filter((m) => m.operator === '!~');
  assert.deepEqual(more, []);
  assert.deepEqual(other.value.split('|').sort(), grouped.sort(), 'SmrouterDropsOther leaves out what the groups have');
});

test('promtool check rules', { skip: needs(PROMTOOL) }, () => {
  const { status, output } = promtool(['check', 'rules', '--lint=all', '--lint-fatal', RULES]);
  assert.equal(status, 0, output);
  assert.match(output, new RegExp(`${rules.length} rules found`));
});

test('promtool test rules', { skip: needs(PROMTOOL) }, () => {
  const { status, output } = promtool(['test', 'rules', CASES]);
  assert.equal(status, 0, output);
});
