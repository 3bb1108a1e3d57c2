/**
 * `ip link add|set|del`: VRFs and their ports, and iproute2's words for what ifconfig sets (ip-link(8); spec B §1.5, §1.6). Main only.
 */
import { dropUnreachable } from '../config/routes.js';
import { type InterfaceSpec, type InterfaceType, NAME_MAX, type State } from '../config/state.js';
import { addVrf, enslave, release } from '../config/vrf.js';
import { ControlError } from '../errors.js';
import { ifconfig, typeOfName } from './ifconfig.js';
import { isTable } from './ip-table.js';
import type { Draft, Words } from './words.js';

/** iproute2's words for the settings of a link that take an argument, and ifconfig's. */
const SETTINGS: Readonly<Record<string, string>> = {
  mtu: 'mtu',
  address: 'lladdr',
  netns: 'netns',
  alias: 'description',
};

/** `add`, `set` and `del`. Throws ControlError. */
export function changeLink(draft: Draft, command: string, words: Words): void {
  if (command === 'add') addLink(draft, words);
  else if (command === 'set' || command === 'change') setLink(draft, words);
  else if (command === 'del') deleteLink(draft, words);
  else throw new ControlError('EINVAL', `ip link ${command}: unknown command`);
}

/** The interface that a word names. Throws ENODEV in iproute2's words, EINVAL for none. */
export function deviceOf(state: State, name: string): InterfaceSpec {
  if (name === '') throw new ControlError('EINVAL', 'dev missing');
  const spec = state.interfaces.get(name);
  if (spec === undefined) throw new ControlError('ENODEV', `Cannot find device "${name}"`);
  return spec;
}

/** `[dev|name] NAME [settings] type vrf table N`. Other types are made by ifconfig. */
function addLink(draft: Draft, words: Words): void {
  let name = '';
  const told: string[] = [];
  while (words.more) {
    const word = words.take('word');
    if (word === 'type') break;
    if (word === 'dev' || word === 'name') name = words.take('name');
    else if (!takeSetting(word, words, told)) {
      if (name !== '') throw new ControlError('EINVAL', `${word}: unknown word`);
      name = word;
    }
  }
  const type = words.more ? words.take('type') : '';
  if (type === '') throw new ControlError('EINVAL', 'Not enough information: "type" argument is required');
  if (type !== 'vrf') throw new ControlError('EOPNOTSUPP', `type ${type}: of the kinds of link, ip adds VRFs alone`);
  const table = readVrfTable(words);
  checkName(name);
  if (draft.state.interfaces.has(name)) throw new ControlError('EEXIST', 'File exists');
  addVrf(draft.state, name, table);
  if (told.length > 0) ifconfig(draft, [name, ...told]);
}

/** Spec B §1.5: the errors of upstream. */
function readVrfTable(words: Words): number {
  if (!words.more) throw new ControlError('EINVAL', 'VRF table id is missing');
  const word = words.take('word');
  if (word !== 'table') throw new ControlError('EINVAL', `vrf: unknown option "${word}"?`);
  const text = words.take('table');
  words.end();
  const table = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (table === 0 || !isTable(table)) throw new ControlError('EINVAL', 'Invalid VRF table id');
  return table;
}

/** Names that other kinds of interface are made by are theirs: a `tap3` is a TAP. */
function checkName(name: string): void {
  if (name === '') throw new ControlError('EINVAL', 'Not enough information: "dev" argument is required');
  const valid = name.length <= NAME_MAX && /^[^\s/:\p{Cc}]+$/u.test(name) && name !== '.' && name !== '..';
  if (!valid) throw new ControlError('EINVAL', `"${name}" not a valid ifname`);
  const type: InterfaceType | undefined = typeOfName(name);
  if (type !== undefined) throw new ControlError('EINVAL', `"${name}" is the name of a ${type}`);
}

/** `[dev] NAME` and then any of the settings. */
function setLink(draft: Draft, words: Words): void {
  const first = words.take('interface');
  const dev = first === 'dev' ? words.take('interface') : first;
  const spec = deviceOf(draft.state, dev);
  while (words.more) {
    const word = words.take('word');
    const told: string[] = [];
    if (word === 'master' || word === 'vrf') setMaster(draft, spec, words.take(word));
    else if (word === 'nomaster' || word === 'novrf') clearMaster(draft, spec);
    else if (takeSetting(word, words, told)) ifconfig(draft, [dev, ...told]);
    else throw new ControlError('EINVAL', `${word}: unknown word`);
  }
}

/** Takes a setting that ifconfig has too. */
function takeSetting(word: string, words: Words, told: string[]): boolean {
  if (word === 'up' || word === 'down') told.push(word);
  else if (Object.hasOwn(SETTINGS, word)) told.push(SETTINGS[word] as string, words.take(word));
  else return false;
  return true;
}

/** A VRF, or a bridge, whose port it becomes. */
function setMaster(draft: Draft, port: InterfaceSpec, name: string): void {
  const master = deviceOf(draft.state, name);
  if (master.type === 'veb') ifconfig(draft, [name, 'add', port.name]);
  else if (master.type === 'vrf') enslave(draft.state, port, master);
  else throw new ControlError('EOPNOTSUPP', `${name}: neither a VRF nor a bridge`);
  dropUnreachable(draft.state);
}

function clearMaster(draft: Draft, port: InterfaceSpec): void {
  if (port.master !== '') {
    release(draft.state, port);
    dropUnreachable(draft.state);
    return;
  }
  for (const veb of draft.state.interfaces.values()) {
    if (veb.veb?.ports.some((p) => p.name === port.name)) ifconfig(draft, [veb.name, 'del', port.name]);
  }
}

/** `[dev] NAME [type T]`. */
function deleteLink(draft: Draft, words: Words): void {
  const first = words.take('interface');
  const name = first === 'dev' ? words.take('interface') : first;
  const spec = deviceOf(draft.state, name);
  if (words.more) {
    if (words.take('word') !== 'type') throw new ControlError('EINVAL', 'type missing');
    const type = words.take('type');
    if (type !== spec.type) throw new ControlError('EOPNOTSUPP', `${name}: not of type ${type}`);
  }
  words.end();
  ifconfig(draft, [spec.name, 'destroy']);
}
