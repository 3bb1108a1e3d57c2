/**
 * What an extcap program answers (extcap(4)): sentences of a keyword and values in braces.
 */

import { LinkType } from '../../shared/wire/pcap.js';
import type { InterfaceType } from '../config/state.js';
import { type LinkName, linksOf } from '../control/captures.js';

/** An interface of the router, as `smrctl --json ifconfig` describes it. */
export interface ListedInterface {
  readonly name: string;
  readonly type: InterfaceType;
}

/** What stands before an interface's own name. */
export const PREFIX = 'smrouter:';
/** The interface that captures on another machine. */
export const SSH = 'ssh';

const DISPLAY: Readonly<Record<LinkName, string>> = {
  EN10MB: 'Ethernet',
  LOOP: 'IP packets behind their address family',
  RAW: 'IP packets',
};
const NUMBER: Readonly<Record<LinkName, number>> = { EN10MB: LinkType.EN10MB, LOOP: LinkType.LOOP, RAW: LinkType.RAW };

function sentence(keyword: string, values: Readonly<Record<string, string | number>>): string {
  // A closing brace would end the value.
  const braces = Object.entries(values).map(([name, value]) => `{${name}=${String(value).replace(/[{}\n]/g, ' ')}}`);
  return `${keyword} ${braces.join('')}\n`;
}

/** All interfaces, and the one over ssh. */
export function interfaceSentences(version: string, list: readonly ListedInterface[]): string {
  return [
    sentence('extcap', { version, help: 'https://www.wireshark.org/docs/man-pages/extcap.html' }),
    ...list.map(({ name, type }) =>
      sentence('interface', { value: PREFIX + name, display: `smrouter ${type} ${name}` }),
    ),
    sentence('interface', { value: PREFIX + SSH, display: 'smrouter on another machine, over ssh' }),
  ].join('');
}

/** Link types that an interface of `type` has; undefined: any. */
function links(type: InterfaceType | undefined): readonly LinkName[] {
  return type === undefined ? ['EN10MB', 'LOOP', 'RAW'] : linksOf(type);
}

/** What an interface can be captured as. */
export function dltSentences(type: InterfaceType | undefined): string {
  return links(type)
    .map((name) => sentence('dlt', { number: NUMBER[name], name, display: DISPLAY[name] }))
    .join('');
}

interface Setting {
  readonly call: string;
  readonly display: string;
  readonly type: string;
  readonly more?: Readonly<Record<string, string | number>>;
  /** Values to choose from; the first is the default. */
  readonly values?: readonly (readonly [value: string, display: string])[];
}

/** What can be set about a capture of an interface of `type`; undefined: on another machine. */
export function configSentences(type: InterfaceType | undefined): string {
  const choices = links(type).map((name): [string, string] => [name, DISPLAY[name]]);
  const settings: Setting[] = [
    {
      call: 'type',
      display: 'Link type',
      type: 'selector',
      values: type === undefined ? [['', "The interface's first"], ...choices] : choices,
    },
    {
      call: 'direction',
      display: 'Direction',
      type: 'selector',
      values: [
        ['both', 'In and out'],
        ['in', 'In'],
        ['out', 'Out'],
      ],
    },
    { call: 'snaplen', display: 'Bytes of a packet', type: 'integer', more: { range: '1,262144', default: 262_144 } },
  ];
  const socket: Setting = {
    call: 'socket',
    display: 'Control socket',
    type: 'string',
    more: { tooltip: 'empty: the default', group: 'Router' },
  };
  const remote: Setting[] = [
    { call: 'remote-host', display: 'Host', type: 'string', more: { required: 'true', group: 'Router' } },
    { call: 'remote-interface', display: 'Interface', type: 'string', more: { required: 'true', group: 'Router' } },
    { call: 'remote-port', display: 'Port of ssh', type: 'unsigned', more: { range: '1,65535', group: 'Router' } },
    { call: 'remote-username', display: 'User', type: 'string', more: { group: 'Router' } },
    {
      call: 'remote-identity',
      display: 'Private key',
      type: 'fileselect',
      more: { group: 'Router', mustexist: 'true' },
    },
    { call: 'remote-smrctl', display: 'smrctl there', type: 'string', more: { default: 'smrctl', group: 'Router' } },
  ];
  return [...(type === undefined ? remote : []), ...settings, socket].map(settingSentences).join('');
}

function settingSentences({ call, display, type, more = {}, values = [] }: Setting, number: number): string {
  return [
    sentence('arg', { number, call: `--${call}`, display, type, ...more }),
    ...values.map(([value, shown], n) =>
      sentence('value', { arg: number, value, display: shown, default: String(n === 0) }),
    ),
  ].join('');
}
