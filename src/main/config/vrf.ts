/**
 * VRFs: which tables they have, strict mode, and the ports that are in them (spec B §1.5 to §1.7). A VRF is the routing domain of its
 * table with an interface that stands for it. Main only.
 */
import { ControlError } from '../errors.js';
import { bridgeOf, type InterfaceSpec, newInterface, releasePorts, removeRoutesOf, type State } from './state.js';

/** The VRFs of a table, in order of creation. */
export function vrfsOn(state: State, table: number): InterfaceSpec[] {
  return [...state.interfaces.values()].filter((spec) => spec.type === 'vrf' && spec.rdomain === table);
}

/** Tables that more than one VRF has. */
export function sharedTables(state: State): number {
  const users = new Map<number, number>();
  for (const spec of state.interfaces.values()) {
    if (spec.type === 'vrf') users.set(spec.rdomain, (users.get(spec.rdomain) ?? 0) + 1);
  }
  return [...users.values()].filter((count) => count > 1).length;
}

/** Throws EBUSY while strict mode cannot be switched on. */
export function checkStrictMode(state: State): void {
  const shared = sharedTables(state);
  if (shared > 0)
    throw new ControlError('EBUSY', `${shared} ${shared === 1 ? 'table has' : 'tables have'} several VRFs`);
}

/** The VRF that stands for a table. Throws EPERM without strict mode, even if there is but one, and ENODEV if there is none. */
export function vrfOfTable(state: State, table: number): InterfaceSpec {
  if (state.settings['net.vrf.strict_mode'] === 0) throw new ControlError('EPERM', 'Strict mode for VRF is disabled');
  const [vrf] = vrfsOn(state, table);
  if (vrf === undefined) throw new ControlError('ENODEV', 'Table has no associated VRF device');
  return vrf;
}

/** A VRF of `table`, added to the state, down. Throws EBUSY in strict mode if the table has one. */
export function addVrf(state: State, name: string, table: number): InterfaceSpec {
  if (state.settings['net.vrf.strict_mode'] === 1 && vrfsOn(state, table).length > 0) {
    throw new ControlError('EBUSY', 'Table is used by another VRF');
  }
  const spec = { ...newInterface(name, 'vrf'), rdomain: table };
  state.interfaces.set(name, spec);
  return spec;
}

/**
 * Makes `port` a port of `vrf`: it moves to its domain with its addresses, and so with its connected routes; those that named it go, as
 * where a port goes down and up. Throws ControlError.
 */
export function enslave(state: State, port: InterfaceSpec, vrf: InterfaceSpec): void {
  if (port.type === 'lo') throw new ControlError('EOPNOTSUPP', 'Can not enslave loopback device to a VRF');
  if (port.type === 'vrf') throw new ControlError('EINVAL', 'Can not enslave an L3 master device to a VRF');
  if (port.type === 'veb')
    throw new ControlError('EINVAL', `${port.name}: a veb has no layer 3; enslave a vport of it`);
  if (port.master === vrf.name) return;
  if (port.master !== '') throw new ControlError('EINVAL', `${port.name}: enslaved to ${port.master} already`);
  const bridge = port.type === 'vport' ? undefined : bridgeOf(state, port.name);
  if (bridge !== undefined) throw new ControlError('EBUSY', `${port.name}: a port of ${bridge.name}`);
  removeRoutesOf(state, port.name);
  port.master = vrf.name;
  port.rdomain = vrf.rdomain;
}

/** Takes a port out of its VRF, to table 0 with its addresses. */
export function release(state: State, port: InterfaceSpec): void {
  removeRoutesOf(state, port.name);
  releasePorts(state, (spec) => spec === port);
}
