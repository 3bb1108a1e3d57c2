/**
 * `encap seg6local …` and `encap seg6 …` of a route: iproute2's words, the kernel's refusals (spec B §1.6, §2, §3.1). Main only.
 */
import { canonical, familyOf } from '../config/address.js';
import {
  type EncapSpec,
  FLAVORS,
  type Flavor,
  SEGMENTS_MAX,
  SID_ACTIONS,
  type SidAction,
  type SidSpec,
} from '../config/seg6.js';
import { vrfOfTable, vrfsOn } from '../config/vrf.js';
import { ControlError } from '../errors.js';
import { deviceOf } from './ip-link.js';
import { isTable } from './ip-table.js';
import type { Draft, Words } from './words.js';

/** Behaviours that iproute2 knows and we have not. */
const KNOWN = ['End.B6', 'End.B6.Encaps', 'End.BM', 'End.S', 'End.AS', 'End.AM', 'End.BPF'];

/** Words that each behaviour needs, and those it may have beside `count`. */
const WORDS: Readonly<Record<SidAction, { readonly needs: readonly string[]; readonly may: readonly string[] }>> = {
  End: { needs: [], may: ['flavors'] },
  'End.X': { needs: ['nh6'], may: ['oif', 'flavors'] },
  'End.T': { needs: ['table'], may: ['flavors'] },
  'End.DX2': { needs: ['oif'], may: [] },
  'End.DX4': { needs: ['nh4'], may: [] },
  'End.DX6': { needs: ['nh6'], may: [] },
  // Exactly one of them.
  'End.DT6': { needs: [], may: ['table', 'vrftable'] },
  'End.DT4': { needs: ['vrftable'], may: [] },
  'End.DT46': { needs: ['vrftable'], may: [] },
};

const PARAMETERS = ['action', 'table', 'vrftable', 'nh4', 'nh6', 'oif', 'flavors'];
/** Those of behaviours that we have not; a clear word is better than that they are unknown. */
const REFUSED = ['srh', 'endpoint', 'iif', 'lblen', 'nflen'];

/**
 * What stands behind `encap seg6local`, up to the first word that belongs to the route; its VRF is found only if it `resolves`. Throws
 * ControlError.
 */
export function readSid(draft: Draft, words: Words, resolves: boolean): SidSpec {
  const given = new Map<string, string>();
  let count = false;
  let unbound = false;
  while (words.more) {
    const word = words.peek;
    if (word === 'count') count = true;
    else if (word === 'unbound') unbound = true;
    else if (REFUSED.includes(word)) throw new ControlError('EOPNOTSUPP', `${word} is not supported`);
    else if (!PARAMETERS.includes(word)) break;
    words.take('word');
    if (word === 'count' || word === 'unbound') continue;
    const value = words.take(word);
    if (given.has(word)) throw new ControlError('EINVAL', `duplicate "${word}": "${value}" is the second value`);
    given.set(word, value);
  }
  const action = readAction(given.get('action'));
  given.delete('action');
  // As the first patch of End.DT4 wrote it (B45).
  if (action === 'End.DT4' && given.has('table') && !given.has('vrftable')) {
    given.set('vrftable', given.get('table') as string);
    given.delete('table');
  }
  checkWords(action, given);
  const table = readTable(given.get('table'), action === 'End.T' || action === 'End.DT6');
  const vrftable = readTable(given.get('vrftable'), false);
  const oif = given.get('oif') ?? '';
  if (oif !== '') deviceOf(draft.state, oif);
  return {
    action,
    flavors: readFlavors(draft, action, given.get('flavors')),
    table,
    vrftable,
    vrf: unbound || !resolves ? '' : vrfOf(draft, action, table, vrftable),
    nh4: readAddress('nh4', given.get('nh4'), 'inet'),
    nh6: readAddress('nh6', given.get('nh6'), 'inet6'),
    oif,
    count,
  };
}

function readAction(word: string | undefined): SidAction {
  if (word === undefined) throw new ControlError('EINVAL', 'Missing action type');
  const action = SID_ACTIONS.find((name) => name === word);
  if (action !== undefined) return action;
  if (KNOWN.includes(word)) throw new ControlError('EOPNOTSUPP', `action ${word} is not supported`);
  throw new ControlError('EINVAL', `argument "${word}" is wrong: "action" value is invalid`);
}

function checkWords(action: SidAction, given: ReadonlyMap<string, string>): void {
  if (action === 'End.DT6' && given.has('table') === given.has('vrftable')) {
    throw new ControlError('EINVAL', 'table or vrftable must be specified');
  }
  const { needs, may } = WORDS[action];
  for (const word of needs) if (!given.has(word)) throw new ControlError('EINVAL', `${action}: ${word} missing`);
  for (const word of given.keys()) {
    if (needs.includes(word) || may.includes(word)) continue;
    if (word === 'flavors') throw new ControlError('EOPNOTSUPP', 'Unsupported Flavor operation(s)');
    throw new ControlError('EINVAL', `${word}: not a word of ${action}`);
  }
}

/** A table by number; -1 = none was given. `main` only where the underlay may be meant. */
function readTable(text: string | undefined, main: boolean): number {
  if (text === undefined) return -1;
  if (main && (text === 'main' || text === '254')) return 0;
  const table = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (table === 0 || !isTable(table)) throw new ControlError('EINVAL', `argument "${text}" is wrong: invalid table id`);
  return table;
}

/** The VRF that the inner packets enter (spec B §1.6); End.DT6 with a plain table enters one if there is one (§2.6). */
function vrfOf(draft: Draft, action: SidAction, table: number, vrftable: number): string {
  if (vrftable !== -1) return vrfOfTable(draft.state, vrftable).name;
  return action === 'End.DT6' && table > 0 ? (vrfsOn(draft.state, table)[0]?.name ?? '') : '';
}

/** Linux has PSP of End alone (B59). */
function readFlavors(draft: Draft, action: SidAction, text: string | undefined): Flavor[] {
  if (text === undefined) return [];
  const named = text.split(',');
  const unsupported = new ControlError('EOPNOTSUPP', 'Unsupported Flavor operation(s)');
  if (named.includes('next-csid')) throw unsupported;
  const flavors = FLAVORS.filter((flavor) => named.includes(flavor));
  if (flavors.length !== named.length) {
    throw new ControlError('EINVAL', `argument "${text}" is wrong: "flavors" value is invalid`);
  }
  const compat = draft.state.settings['srv6.compat'] === 'linux' && draft.loading !== true;
  if (compat && (action !== 'End' || flavors.some((flavor) => flavor !== 'psp'))) throw unsupported;
  return flavors;
}

function readAddress(word: string, text: string | undefined, family: 'inet' | 'inet6'): string {
  if (text === undefined) return '';
  if (familyOf(text) !== family || isMulticast(text)) {
    throw new ControlError('EINVAL', `argument "${text}" is wrong: ${word} is no ${family} address of a neighbour`);
  }
  return canonical(text);
}

function isMulticast(text: string): boolean {
  return /^ff..:/i.test(text) || /^2(2[4-9]|3\d)\./.test(text);
}

const MODES = ['encap', 'encap.red', 'inline', 'l2encap', 'l2encap.red'];

/** What stands behind `encap seg6`, up to the first word that belongs to the route. Throws ControlError. */
export function readEncap(words: Words, family: 'inet' | 'inet6'): EncapSpec {
  const given = new Map<string, string>();
  while (['mode', 'segs', 'hmac', 'tunsrc', 'lookup'].includes(words.peek)) {
    const word = words.take('word');
    const value = words.take(word);
    if (given.has(word)) throw new ControlError('EINVAL', `duplicate "${word}": "${value}" is the second value`);
    if ((word === 'segs' || word === 'tunsrc') && !given.has('mode')) {
      throw new ControlError('EINVAL', `argument "${word}" is wrong: mode must be before it`);
    }
    given.set(word, value);
  }
  const mode = given.get('mode') ?? '';
  if (!MODES.includes(mode)) throw new ControlError('EINVAL', `argument "${mode}" is wrong: "mode" value is invalid`);
  if (mode === 'inline') {
    if (given.has('tunsrc')) throw new ControlError('EINVAL', 'incompatible mode for tunsrc');
    if (family === 'inet') throw new ControlError('EINVAL', 'mode inline is for IPv6 routes');
  }
  if (mode !== 'encap' && mode !== 'encap.red') throw new ControlError('EOPNOTSUPP', `mode ${mode} is not supported`);
  const segs = readSegments(given.get('segs'));
  const table = readTable(given.get('lookup'), true);
  return {
    mode,
    tunsrc: readTunsrc(given.get('tunsrc')),
    segs,
    hmac: readKey(given.get('hmac')),
    table: Math.max(table, 0),
  };
}

function readSegments(text: string | undefined): string[] {
  if (text === undefined) throw new ControlError('EINVAL', 'segs missing');
  const segs = text.split(',');
  if (segs.length > SEGMENTS_MAX) throw new ControlError('EINVAL', `${segs.length} segments: at most ${SEGMENTS_MAX}`);
  return segs.map((seg) => {
    const wrong = familyOf(seg) !== 'inet6' || isMulticast(seg) || canonical(seg) === '::';
    if (wrong) throw new ControlError('EINVAL', `argument "${seg}" is wrong: not a segment`);
    return canonical(seg);
  });
}

/** An address that packets can come from. Throws EINVAL. */
export function readTunsrc(text: string | undefined): string {
  if (text === undefined) return '';
  const address = familyOf(text) === 'inet6' ? canonical(text) : '::';
  if (address === '::' || address === '::1' || isMulticast(text)) {
    throw new ControlError('EINVAL', 'invalid tunsrc address');
  }
  return address;
}

/** The number of a key: decimal or 0x…; 0 = none is used. Throws EINVAL. */
export function readKey(text: string | undefined): number {
  if (text === undefined) return 0;
  const key = /^(\d{1,10}|0x[0-9a-f]{1,8})$/i.test(text) ? Number(text) : Number.NaN;
  if (!(key <= 0xffff_ffff)) throw new ControlError('EINVAL', `argument "${text}" is wrong: "hmac" value is invalid`);
  return key;
}
