/**
 * What the steps of a plan do to live interfaces, on plain values: `create` makes an interface with nothing set but its own
 * address, taking a port out takes its static addresses, and steps that could not be run throw. Pairs and routes are what the last
 * step that had them said.
 */
import assert from 'node:assert/strict';
import type { Step } from '../../../src/main/config/plan.js';
import { type LiveRule, liveRules } from '../../../src/main/config/policy.js';
import { type Route, routesOf } from '../../../src/main/config/routes.js';
import {
  cloneState,
  type InterfaceSpec,
  newInterface,
  type State,
  type VebSpec,
} from '../../../src/main/config/state.js';

/** Which rport is paired with which. */
function peersOf(state: State): Map<string, string> {
  const specs = [...state.interfaces.values()].filter((spec) => spec.peer !== '');
  return new Map(specs.map((spec) => [spec.name, spec.peer]));
}

export class LiveModel {
  private readonly live: Map<string, InterfaceSpec>;

  private peers: ReadonlyMap<string, string>;
  private routes: ReadonlyMap<string, Route>;
  private rules: readonly LiveRule[];

  constructor(state: State) {
    this.live = cloneState(state).interfaces;
    this.peers = peersOf(state);
    this.routes = routesOf(state);
    this.rules = liveRules(state);
  }

  run(given: Step): void {
    const step = structuredClone(given);
    switch (step.op) {
      case 'create':
        assert.ok(!this.live.has(step.spec.name), `${step.spec.name} exists`);
        this.live.set(step.spec.name, newInterface(step.spec.name, step.spec.type));
        break;
      case 'destroy':
        this.destroy(step.spec.name);
        break;
      case 'ports':
        this.setPorts(step);
        break;
      case 'spans':
        this.setSpans(step);
        break;
      case 'table':
        Object.assign(this.veb(step.veb), step.after);
        break;
      case 'statics': {
        const veb = this.veb(step.veb);
        assert.deepEqual(veb.statics, step.before);
        for (const s of step.after)
          assert.ok(
            veb.ports.some((p) => p.name === s.port),
            `${s.port} is no port`,
          );
        veb.statics = [...step.after];
        break;
      }
      case 'peers':
        assert.deepEqual(this.peers, step.before);
        this.peers = step.after;
        break;
      case 'routes':
        assert.deepEqual(this.routes, step.before);
        this.routes = step.after;
        break;
      case 'rules':
        assert.deepEqual(this.rules, step.before);
        this.rules = step.after;
        break;
      case 'attributes': {
        const { veb } = this.get(step.after.name);
        this.live.set(step.after.name, veb === undefined ? step.after : { ...step.after, veb });
      }
    }
  }

  assertIs(state: State): void {
    const sorted = (map: Map<string, InterfaceSpec>): [string, InterfaceSpec][] =>
      [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    assert.deepEqual(sorted(this.live), sorted(state.interfaces));
    assert.deepEqual(this.peers, peersOf(state));
    assert.deepEqual(this.routes, routesOf(state));
    assert.deepEqual(this.rules, liveRules(state));
  }

  private get(name: string): InterfaceSpec {
    const spec = this.live.get(name);
    assert.ok(spec, `${name} does not exist`);
    return spec;
  }

  private veb(name: string): VebSpec {
    const { veb } = this.get(name);
    assert.ok(veb, `${name} is no veb`);
    return veb;
  }

  private destroy(name: string): void {
    const { veb } = this.get(name);
    assert.deepEqual([...(veb?.ports ?? []), ...(veb?.spans ?? [])], [], `${name} still has ports`);
    this.assertFree(name);
    this.live.delete(name);
  }

  private setPorts(step: Step & { op: 'ports' }): void {
    const veb = this.veb(step.veb);
    assert.deepEqual(veb.ports, step.before);
    for (const { name } of step.after) {
      this.get(name);
      if (!veb.ports.some((p) => p.name === name)) this.assertFree(name);
    }
    veb.ports = [...step.after];
    veb.statics = veb.statics.filter((s) => veb.ports.some((p) => p.name === s.port));
  }

  private setSpans(step: Step & { op: 'spans' }): void {
    const veb = this.veb(step.veb);
    assert.deepEqual(veb.spans, step.before);
    for (const name of step.after) {
      this.get(name);
      if (!veb.spans.includes(name)) this.assertFree(name);
    }
    veb.spans = [...step.after];
  }

  /** That no veb has `name`, be it as a port or as a span port. */
  private assertFree(name: string): void {
    for (const { veb } of this.live.values()) {
      assert.ok(!veb?.ports.some((p) => p.name === name), `${name} is a port`);
      assert.ok(!veb?.spans.includes(name), `${name} is a span port`);
    }
  }
}
