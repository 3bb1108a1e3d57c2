/**
 * A state as the configuration text that gives it again: interfaces in order of creation, then what refers to others.
 */
import { quoteWord } from './lines.js';
import { formatRule } from './rule.js';
import {
  DEFAULT_SETTINGS,
  type InterfaceSpec,
  isAttached,
  MAXADDR,
  MTUS,
  newInterface,
  type RouteSpec,
  type Settings,
  type State,
  TIMEOUT,
} from './state.js';

/** The lines of `smrctl show running`. */
export function runningLines(state: State): string[] {
  const settings = Object.entries(state.settings)
    .filter(([name, value]) => value !== DEFAULT_SETTINGS[name as keyof Settings])
    .map(([name, value]) => `sysctl ${name}=${value}`);
  const specs = [...state.interfaces.values()];
  return [
    ...settings,
    ...specs.map(creation),
    // A port gets no new address, but keeps those it joined with.
    ...specs.flatMap(addresses),
    ...specs.flatMap(bridge),
    ...specs.flatMap(proxies),
    ...specs.filter((s) => s.peer > s.name).map((s) => `ifconfig ${s.name} parent ${s.peer}`),
    ...state.routes.flatMap(route),
    ...specs.filter((s) => s.up).map((s) => `ifconfig ${s.name} up`),
  ];
}

/** One line: the interface and what is set on it alone. */
function creation(spec: InterfaceSpec): string {
  const words = ['ifconfig', spec.name, ...(isAttached(spec.type) ? ['attach', spec.type] : ['create'])];
  if (spec.description !== '') words.push('description', quoteWord(spec.description));
  if (spec.mtu !== MTUS[spec.type].default) words.push('mtu', String(spec.mtu));
  if (spec.lladdr !== '') words.push('lladdr', spec.lladdr);
  if (spec.netns !== '') words.push('netns', quoteWord(spec.netns));
  if (spec.rdomain !== 0) words.push('rdomain', String(spec.rdomain));
  if (!spec.tso) words.push('-tso');
  if (!spec.txcsum) words.push('-txcsum');
  if (spec.monitor !== newInterface(spec.name, spec.type).monitor) words.push(spec.monitor ? 'monitor' : '-monitor');
  spec.link.forEach((on, n) => {
    if (on) words.push(`link${n}`);
  });
  return words.join(' ');
}

/** A line for each address. */
function addresses(spec: InterfaceSpec): string[] {
  return spec.addresses.map(({ family, address, length, destination }) => {
    const other = destination === '' ? '' : ` ${destination}`;
    return `ifconfig ${spec.name} ${family} ${address}/${length}${other} alias`;
  });
}

/** A line for each family whose neighbours it answers for. */
function proxies({ name, proxyarp, proxynd }: InterfaceSpec): string[] {
  const lines: string[] = [];
  if (proxyarp) lines.push(`sysctl net.ipv4.conf.${name}.proxy_arp=1`);
  if (proxynd) lines.push(`sysctl net.ipv6.conf.${name}.proxy_ndp=1`);
  return lines;
}

/** A line for each next hop of a route. */
function route({ rdomain, family, network, length, kind, gateways }: RouteSpec): string[] {
  const words = (more: string): string => `route -T ${rdomain} add -${family} ${network}/${length} ${more}`;
  if (kind !== 'gateway') return [words(`-${kind}`)];
  return gateways.map((gateway, n) => words(n === 0 ? gateway : `${gateway} -mpath`));
}

/** The lines of a veb's table, ports and static addresses. */
function bridge(spec: InterfaceSpec): string[] {
  if (spec.veb === undefined) return [];
  const { veb, name } = spec;
  const lines: string[] = [];
  // A table may have been made smaller than the static addresses it already had.
  const peak = Math.max(veb.maxaddr, veb.statics.length);
  if (peak !== MAXADDR.default) lines.push(`ifconfig ${name} maxaddr ${peak}`);
  if (veb.timeout !== TIMEOUT.default) lines.push(`ifconfig ${name} timeout ${veb.timeout}`);
  for (const port of veb.ports) {
    const words = ['ifconfig', name, 'add', port.name];
    if (!port.learn) words.push('-learn', port.name);
    if (!port.discover) words.push('-discover', port.name);
    if (port.blocknonip) words.push('blocknonip', port.name);
    if (port.protected.length > 0) words.push('protected', port.name, port.protected.join(','));
    if (port.stormlimit !== 0) words.push('stormlimit', port.name, String(port.stormlimit));
    lines.push(words.join(' '));
    for (const rule of port.rules) lines.push(`ifconfig ${name} rule ${formatRule(port.name, rule)}`);
  }
  for (const span of veb.spans) lines.push(`ifconfig ${name} addspan ${span}`);
  for (const address of veb.statics) lines.push(`ifconfig ${name} static ${address.port} ${address.mac}`);
  if (peak !== veb.maxaddr) lines.push(`ifconfig ${name} maxaddr ${veb.maxaddr}`);
  return lines;
}
