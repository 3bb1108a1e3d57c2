/**
 * Two states → the ordered steps that lead from one to the other. Steps are plain values that carry both sides, so each
 * has an inverse; what did not change has no step, and so loses no frame.
 *
 * Order: make new interfaces, take ports out, destroy, give ports and tables their new shape, then attributes (up last).
 */
import { isDeepStrictEqual } from 'node:util';
import { type InterfaceSpec, newInterface, type PortSpec, type State, type StaticSpec } from './state.js';

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
  | { readonly op: 'table'; readonly veb: string; readonly before: TableSpec; readonly after: TableSpec }
  | {
      readonly op: 'statics';
      readonly veb: string;
      readonly before: readonly StaticSpec[];
      readonly after: readonly StaticSpec[];
    }
  | { readonly op: 'attributes'; readonly before: InterfaceSpec; readonly after: InterfaceSpec };

/** The step that takes `step` back. */
export function invert(step: Step): Step {
  if (step.op === 'create') return { op: 'destroy', spec: step.spec };
  if (step.op === 'destroy') return { op: 'create', spec: step.spec };
  return { ...step, before: step.after, after: step.before } as Step;
}

/** The steps from `old` to `next`. */
export function plan(old: State, next: State): Step[] {
  const made: Step[] = [];
  const shrunk: Step[] = [];
  const destroyed: Step[] = [];
  const remade: Step[] = [];
  const shaped: Step[] = [];
  const attributes: Step[] = [];
  const stays = (name: string): boolean => {
    const before = old.interfaces.get(name);
    const after = next.interfaces.get(name);
    return before !== undefined && after !== undefined && !mustRemake(before, after);
  };
  for (const before of old.interfaces.values()) {
    const after = next.interfaces.get(before.name);
    if (!stays(before.name)) destroyed.push({ op: 'destroy', spec: before });
    const kept =
      before.veb?.ports.filter((p) => stays(p.name) && after?.veb?.ports.some((q) => q.name === p.name)) ?? [];
    if (before.veb !== undefined && kept.length < before.veb.ports.length) {
      const left = stays(before.name) ? kept : [];
      shrunk.push({ op: 'ports', veb: before.name, before: before.veb.ports, after: left });
    }
  }
  for (const after of next.interfaces.values()) {
    const before = old.interfaces.get(after.name);
    const base = stays(after.name) ? (before as InterfaceSpec) : newInterface(after.name, after.type);
    if (before === undefined) made.push({ op: 'create', spec: base });
    else if (!stays(after.name)) remade.push({ op: 'create', spec: base });
    if (after.veb !== undefined && base.veb !== undefined) {
      const kept = base.veb.ports.filter((p) => stays(p.name) && after.veb?.ports.some((q) => q.name === p.name));
      const { maxaddr, timeout } = after.veb;
      if (maxaddr !== base.veb.maxaddr || timeout !== base.veb.timeout) {
        const now = { maxaddr: base.veb.maxaddr, timeout: base.veb.timeout };
        shaped.push({ op: 'table', veb: after.name, before: now, after: { maxaddr, timeout } });
      }
      if (!isDeepStrictEqual(kept, after.veb.ports))
        shaped.push({ op: 'ports', veb: after.name, before: kept, after: after.veb.ports });
      const survivors = base.veb.statics.filter((s) => kept.some((p) => p.name === s.port));
      if (!isDeepStrictEqual(survivors, after.veb.statics)) {
        shaped.push({ op: 'statics', veb: after.name, before: survivors, after: after.veb.statics });
      }
    }
    if (!isDeepStrictEqual({ ...base, veb: 0 }, { ...after, veb: 0 }))
      attributes.push({ op: 'attributes', before: base, after });
  }
  return [...made, ...shrunk, ...destroyed, ...remade, ...shaped, ...attributes];
}

/** A kernel end that has moved to a namespace cannot be called back from outside it. */
function mustRemake(before: InterfaceSpec, after: InterfaceSpec): boolean {
  return before.type !== after.type || (before.netns !== '' && before.netns !== after.netns);
}
