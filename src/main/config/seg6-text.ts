/**
 * SIDs and encapsulations as the words of iproute2: as a route shows them (spec B §3.2), and as they are written. Main only.
 */
import { BITS } from './address.js';

import { quoteWord } from './lines.js';
import { defaultMetric } from './routes.js';
import type { EncapSpec, Seg6Spec, SidSpec } from './seg6.js';
import type { RouteSpec } from './state.js';

/** A table as iproute2 calls it. */
export function tableText(table: number): string {
  return table === 0 ? 'main' : String(table);
}

/** What a SID does, in the order in which iproute2 prints it. */
function sidWords({ action, flavors, table, vrftable, nh4, nh6, oif }: SidSpec): string[] {
  return [
    'action',
    action,
    ...(table === -1 ? [] : ['table', tableText(table)]),
    ...(vrftable === -1 ? [] : ['vrftable', tableText(vrftable)]),
    ...(nh4 === '' ? [] : ['nh4', nh4]),
    ...(nh6 === '' ? [] : ['nh6', nh6]),
    ...(oif === '' ? [] : ['oif', oif]),
    ...(flavors.length === 0 ? [] : ['flavors', flavors.join(',')]),
  ];
}

/** ` encap …` of a route, without the counters. */
export function shownEncap({ sid, encap }: { readonly sid?: SidSpec; readonly encap?: EncapSpec }): string[] {
  if (sid !== undefined) return ['encap', 'seg6local', ...sidWords(sid)];
  if (encap === undefined) return [];
  const { mode, tunsrc, segs, hmac, table } = encap;
  return [
    ...['encap', 'seg6', 'mode', mode],
    ...(tunsrc === '' ? [] : ['tunsrc', tunsrc]),
    ...['segs', String(segs.length), '[', ...segs, ']'],
    ...(hmac === 0 ? [] : ['hmac', hmac.toString(16).toUpperCase()]),
    ...(table === 0 ? [] : ['lookup', String(table)]),
  ];
}

/** The same as a command has it; `unbound` is a word of our own, see `SidSpec.vrf`. */
function writtenEncap({ sid, encap }: RouteSpec): string[] {
  if (sid !== undefined) {
    const lost = sid.vrf === '' && (sid.vrftable !== -1 || sid.action === 'End.DT6');
    return ['encap', 'seg6local', ...sidWords(sid), ...(sid.count ? ['count'] : []), ...(lost ? ['unbound'] : [])];
  }
  if (encap === undefined) return [];
  const { mode, tunsrc, segs, hmac, table } = encap;
  return [
    ...['encap', 'seg6', 'mode', mode],
    ...(tunsrc === '' ? [] : ['tunsrc', tunsrc]),
    ...['segs', segs.join(',')],
    ...(hmac === 0 ? [] : ['hmac', String(hmac)]),
    ...(table === 0 ? [] : ['lookup', String(table)]),
  ];
}

/** A network as iproute2 writes it. */
export function networkText({ family, network, length }: Pick<RouteSpec, 'family' | 'network' | 'length'>): string {
  return length === 0 ? 'default' : length === BITS[family] ? network : `${network}/${length}`;
}

const TYPE: Partial<Record<RouteSpec['kind'], string>> = {
  reject: 'unreachable',
  blackhole: 'blackhole',
  prohibit: 'prohibit',
};

/** The line of `ip` that makes a route. */
export function routeLine(route: RouteSpec): string {
  const { family, rdomain, metric, kind, dev, gateways } = route;
  const type = TYPE[kind];
  const via = gateways.length > 1 ? gateways.flatMap((gateway) => ['nexthop', 'via', quoteWord(gateway)]) : [];
  return [
    ...['ip', family === 'inet' ? '-4' : '-6', 'route', 'add'],
    ...(type === undefined ? [] : [type]),
    networkText(route),
    ...(rdomain === 0 ? [] : ['table', String(rdomain)]),
    ...(metric === defaultMetric(family) ? [] : ['metric', String(metric)]),
    ...writtenEncap(route),
    ...(gateways.length === 1 ? ['via', quoteWord(gateways[0] as string)] : []),
    ...(dev === '' ? [] : ['dev', quoteWord(dev)]),
    ...via,
  ].join(' ');
}

/** The lines of the settings that are no sysctl; without `secrets` those of keys are comments that leave the secret out. */
export function seg6Lines({ tunsrc, hmacs }: Seg6Spec, secrets: boolean): string[] {
  return [
    ...(tunsrc === '' ? [] : [`ip sr tunsrc set ${tunsrc}`]),
    ...hmacs.map(({ id, algorithm, secret }) => {
      const key = `ip sr hmac set ${id} ${algorithm}`;
      return secrets ? `${key} ${quoteWord(secret)}` : `# ${key} … (show running secrets)`;
    }),
  ];
}
