/**
 * Two states → the ordered steps that lead from one to the other. Steps are plain values that carry both sides, so each
 * has an inverse; what did not change has no step, and so loses no frame.
 *
 * Order: end captures, make new interfaces, take ports out, destroy, give ports and tables their new shape, then attributes (up last),
 * and begin captures.
 */
import { isDeepStrictEqual } from 'node:util';
import type { CaptureSetting } from './capture.js';
import { type LiveRule, liveRules } from './policy.js';
import { type Route, routesOf, sameRoutes } from './routes.js';
import type { HmacKey } from './seg6.js';
import {
  type InterfaceSpec,
  newInterface,
  type PortSpec,
  type Settings,
  type State,
  type StaticSpec,
  type VebSpec,
} from './state.js';

/** The size and age limit of a veb's table. */
export interface TableSpec {
  readonly maxaddr: number;
  readonly timeout: number;
}

/** One change of live state. */
export type Step =
  | { readonly op: 'create'; readonly spec: InterfaceSpec }
  | { readonly op: 'destroy'; readonly spec: InterfaceSpec }
  | {
      readonly op: 'ports';
      readonly veb: string;
      readonly before: readonly PortSpec[];
      readonly after: readonly PortSpec[];
    }
  | {
      readonly op: 'spans';
      readonly veb: string;
      readonly before: readonly string[];
      readonly after: readonly string[];
    }
  | { readonly op: 'table'; readonly veb: string; readonly before: TableSpec; readonly after: TableSpec }
  | {
      readonly op: 'statics';
      readonly veb: string;
      readonly before: readonly StaticSpec[];
      readonly after: readonly StaticSpec[];
    }
  | { readonly op: 'peers'; readonly before: ReadonlyMap<string, string>; readonly after: ReadonlyMap<string, string> }
  | { readonly op: 'routes'; readonly before: ReadonlyMap<string, Route>; readonly after: ReadonlyMap<string, Route> }
  | { readonly op: 'hmacs'; readonly before: readonly HmacKey[]; readonly after: readonly HmacKey[] }
  | { readonly op: 'rules'; readonly before: readonly LiveRule[]; readonly after: readonly LiveRule[] }
  | {
      readonly op: 'capture';
      readonly before: CaptureSetting | undefined;
      readonly after: CaptureSetting | undefined;
    }
  | { readonly op: 'settings'; readonly before: Settings; readonly after: Settings }
  | { readonly op: 'attributes'; readonly before: InterfaceSpec; readonly after: InterfaceSpec };

/** The step that takes `step` back. */
export function invert(step: Step): Step {
  if (step.op === 'create') return { op: 'destroy', spec: step.spec };
  if (step.op === 'destroy') return { op: 'create', spec: step.spec };
  return { ...step, before: step.after, after: step.before } as Step;
}

/** The steps from `old` to `next`. */
export function plan(old: State, next: State): Step[] {
  const stays = (name: string): boolean => {
    const before = old.interfaces.get(name);
    const after = next.interfaces.get(name);
    return before !== undefined && after !== undefined && !mustRemake(before, after);
  };
  /** The veb with those of its ports and span ports, as they are, that `after` has too. */
  const kept = (before: VebSpec, after: VebSpec): VebSpec => {
    const ports = before.ports.filter((p) => stays(p.name) && after.ports.some((q) => q.name === p.name));
    const spans = before.spans.filter((name) => stays(name) && after.spans.includes(name));
    const statics = before.statics.filter((s) => ports.some((p) => p.name === s.port));
    return { ...before, ports, spans, statics };
  };

  const made: Step[] = [];
  const shrunk: Step[] = [];
  const destroyed: Step[] = [];
  const remade: Step[] = [];
  const shaped: Step[] = [];
  const attributes: Step[] = [];
  for (const before of old.interfaces.values()) {
    const leaves = !stays(before.name);
    const empty = newInterface(before.name, before.type);
    if (before.veb !== undefined) {
      const after = next.interfaces.get(before.name)?.veb;
      const left = leaves || after === undefined ? (empty.veb as VebSpec) : kept(before.veb, after);
      shrunk.push(...shape(before.name, before.veb, left));
    }
    if (!leaves) continue;
    // Back to what `create` makes, so that taking the steps back in reverse restores everything.
    if (!sameAttributes(before, empty)) destroyed.push({ op: 'attributes', before, after: empty });
    destroyed.push({ op: 'destroy', spec: empty });
  }
  for (const after of next.interfaces.values()) {
    const before = old.interfaces.get(after.name);
    const base = stays(after.name) ? (before as InterfaceSpec) : newInterface(after.name, after.type);
    if (base !== before) (before === undefined ? made : remade).push({ op: 'create', spec: base });
    if (after.veb !== undefined && base.veb !== undefined) {
      const start = base === before ? kept(base.veb, after.veb) : base.veb;
      shaped.push(...shape(after.name, start, after.veb));
    }
    if (!sameAttributes(base, after)) attributes.push({ op: 'attributes', before: base, after });
  }
  if (!isDeepStrictEqual(old.settings, next.settings)) {
    attributes.push({ op: 'settings', before: old.settings, after: next.settings });
  }
  if (!isDeepStrictEqual(old.seg6.hmacs, next.seg6.hmacs)) {
    attributes.push({ op: 'hmacs', before: old.seg6.hmacs, after: next.seg6.hmacs });
  }
  const remadeNames = new Set(remade.flatMap((step) => (step.op === 'create' ? [step.spec.name] : [])));
  const [ended, begun] = captures(old, next, stays);
  return [
    ...ended,
    ...made,
    ...shrunk,
    ...destroyed,
    ...remade,
    ...shaped,
    ...attributes,
    ...layer3(old, next, remadeNames),
    ...begun,
  ];
}

/** The steps that end captures and those that begin them: one whose interface is made anew is both. */
function captures(old: State, next: State, stays: (name: string) => boolean): [Step[], Step[]] {
  const kept = new Set<string>();
  for (const capture of next.captures) {
    const before = old.captures.find(({ path }) => path === capture.path);
    if (stays(capture.interface) && isDeepStrictEqual(before, capture)) kept.add(capture.path);
  }
  const changed = (state: State): CaptureSetting[] => state.captures.filter(({ path }) => !kept.has(path));
  return [
    changed(old).map((before) => ({ op: 'capture', before, after: undefined })),
    changed(next).map((after) => ({ op: 'capture', before: undefined, after })),
  ];
}

/** What leads from one interface to another, once they are all there. */
function layer3(old: State, next: State, remade: ReadonlySet<string>): Step[] {
  const steps: Step[] = [];
  const peers = (state: State): Map<string, string> =>
    new Map([...state.interfaces.values()].filter((s) => s.peer !== '').map((s) => [s.name, s.peer]));
  const [peersBefore, peersAfter] = [peers(old), peers(next)];
  const repaired = [...remade].some((name) => peersAfter.has(name));
  if (repaired || !isDeepStrictEqual(peersBefore, peersAfter)) {
    steps.push({ op: 'peers', before: peersBefore, after: peersAfter });
  }
  const [routesBefore, routesAfter] = [routesOf(old), routesOf(next)];
  if ((remade.size > 0 && routesAfter.size > 0) || !sameRoutes(routesBefore, routesAfter)) {
    steps.push({ op: 'routes', before: routesBefore, after: routesAfter });
  }
  const [rulesBefore, rulesAfter] = [liveRules(old), liveRules(next)];
  if (!isDeepStrictEqual(rulesBefore, rulesAfter)) {
    steps.push({ op: 'rules', before: rulesBefore, after: rulesAfter });
  }
  return steps;
}

/**
 * The steps that give a veb its new shape: static addresses go before their ports and come after them; the table is widened
 * before addresses come and narrowed after.
 */
function shape(veb: string, from: VebSpec, to: VebSpec): Step[] {
  const steps: Step[] = [];
  let table: TableSpec = { maxaddr: from.maxaddr, timeout: from.timeout };
  const setTable = (after: TableSpec): void => {
    if (!isDeepStrictEqual(table, after)) steps.push({ op: 'table', veb, before: table, after });
    table = after;
  };
  let statics: readonly StaticSpec[] = from.statics;
  const setStatics = (after: readonly StaticSpec[]): void => {
    if (!isDeepStrictEqual(statics, after)) steps.push({ op: 'statics', veb, before: statics, after });
    statics = after;
  };
  setStatics(from.statics.filter((s) => to.ports.some((p) => p.name === s.port)));
  setTable({ maxaddr: Math.max(from.maxaddr, to.maxaddr, to.statics.length), timeout: to.timeout });
  if (!isDeepStrictEqual(from.ports, to.ports)) steps.push({ op: 'ports', veb, before: from.ports, after: to.ports });
  if (!isDeepStrictEqual(from.spans, to.spans)) steps.push({ op: 'spans', veb, before: from.spans, after: to.spans });
  setStatics(to.statics);
  setTable({ maxaddr: to.maxaddr, timeout: to.timeout });
  return steps;
}

/** Whether all but what only a veb has is the same. */
function sameAttributes(a: InterfaceSpec, b: InterfaceSpec): boolean {
  return isDeepStrictEqual({ ...a, veb: 0 }, { ...b, veb: 0 });
}

/** A kernel end that has moved to a namespace cannot be called back from outside it. */
function mustRemake(before: InterfaceSpec, after: InterfaceSpec): boolean {
  return before.type !== after.type || (before.netns !== '' && before.netns !== after.netns);
}
