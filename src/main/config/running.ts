/**
 * A state as the configuration text that gives it again: interfaces in order of creation, then what refers to others.
 */
import { formatCapture } from './capture.js';
import { quoteWord } from './lines.js';
import { ruleLine } from './policy.js';
import { defaultMetric } from './routes.js';
import { formatRule } from './rule.js';
import { routeLine, seg6Lines } from './seg6-text.js';
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
import { newTunnel } from './tunnel.js';

/** The lines of `smrctl show running`. */
export function runningLines(state: State, secrets = true): string[] {
  const settings = Object.entries(state.settings)
    .filter(([name, value]) => value !== DEFAULT_SETTINGS[name as keyof Settings] && name !== 'net.vrf.strict_mode')
    .map(([name, value]) => `sysctl ${name}=${value}`);
  const specs = [...state.interfaces.values()];
  return [
    ...settings,
    ...specs.flatMap(creation),
    ...specs.filter((s) => s.master !== '').map((s) => `ip link set ${s.name} master ${quoteWord(s.master)}`),
    // A port gets no new address, but keeps those it joined with.
    ...specs.flatMap(addresses),
    ...specs.flatMap(bridge),
    ...specs.flatMap(switches),
    ...specs.flatMap(tunnelWords),
    ...specs.filter((s) => s.peer > s.name).map((s) => `ifconfig ${s.name} parent ${s.peer}`),
    ...seg6Lines(state.seg6, secrets),
    ...routes(state),
    ...state.rules.map(ruleLine),
    ...specs.filter((s) => s.up).map((s) => `ifconfig ${quoteWord(s.name)} up`),
    ...state.captures.map(formatCapture),
  ];
}

/** The interface and what is set on it alone: a line, of a VRF two. */
function creation(spec: InterfaceSpec): string[] {
  const vrf = spec.type === 'vrf';
  const words = ['ifconfig', quoteWord(spec.name)];
  if (!vrf) words.push(...(isAttached(spec.type) ? ['attach', spec.type] : ['create']));
  if (spec.description !== '') words.push('description', quoteWord(spec.description));
  if (spec.mtu !== MTUS[spec.type].default) words.push('mtu', String(spec.mtu));
  if (spec.lladdr !== '') words.push('lladdr', spec.lladdr);
  if (spec.netns !== '') words.push('netns', quoteWord(spec.netns));
  if (spec.rdomain !== 0 && spec.master === '' && !vrf) words.push('rdomain', String(spec.rdomain));
  if (!spec.tso) words.push('-tso');
  if (!spec.txcsum) words.push('-txcsum');
  if (spec.monitor !== newInterface(spec.name, spec.type).monitor) words.push(spec.monitor ? 'monitor' : '-monitor');
  if (spec.debug) words.push('debug');
  spec.link.forEach((on, n) => {
    if (on) words.push(`link${n}`);
  });
  const line = words.join(' ');
  if (!vrf) return [line];
  return [`ip link add ${quoteWord(spec.name)} type vrf table ${spec.rdomain}`, ...(words.length > 2 ? [line] : [])];
}

/** A line for each address. */
function addresses(spec: InterfaceSpec): string[] {
  return spec.addresses.map(({ family, address, length, destination }) => {
    const other = destination === '' ? '' : ` ${destination}`;
    return `ifconfig ${quoteWord(spec.name)} ${family} ${address}/${length}${other} alias`;
  });
}

/** The line of a tunnel of which anything is set. */
function tunnelWords({ name, tunnel }: InterfaceSpec): string[] {
  if (tunnel === undefined) return [];
  const plain = newTunnel();
  const words: string[] = [];
  if (tunnel.local !== '') {
    words.push(...(tunnel.remote === '' ? ['tunneladdr', tunnel.local] : ['tunnel', tunnel.local, tunnel.remote]));
  }
  if (tunnel.vnetid !== -1) words.push('vnetid', String(tunnel.vnetid));
  if (tunnel.rdomain !== 0) words.push('tunneldomain', String(tunnel.rdomain));
  if (tunnel.ttl !== plain.ttl) words.push('tunnelttl', String(tunnel.ttl));
  if (tunnel.df) words.push('tunneldf');
  if (tunnel.txprio !== plain.txprio) words.push('txprio', String(tunnel.txprio));
  if (tunnel.rxprio !== plain.rxprio) words.push('rxprio', String(tunnel.rxprio));
  return words.length === 0 ? [] : [`ifconfig ${name} ${words.join(' ')}`];
}

/** A line for each setting that has the name of a sysctl. */
function switches({ name, proxyarp, proxynd, seg6Enabled, seg6Edge, seg6RequireHmac }: InterfaceSpec): string[] {
  const lines: string[] = [];
  if (proxyarp) lines.push(`sysctl net.ipv4.conf.${name}.proxy_arp=1`);
  if (proxynd) lines.push(`sysctl net.ipv6.conf.${name}.proxy_ndp=1`);
  if (seg6Enabled) lines.push(`sysctl net.ipv6.conf.${name}.seg6_enabled=1`);
  if (seg6Edge) lines.push(`sysctl net.ipv6.conf.${name}.seg6_edge=1`);
  if (seg6RequireHmac !== 0) lines.push(`sysctl net.ipv6.conf.${name}.seg6_require_hmac=${seg6RequireHmac}`);
  return lines;
}

/**
 * The routes, in their order. SIDs that enter a VRF are made in strict mode; without any it is set where they would be, and it is
 * left off behind them if it is off.
 */
function routes({ routes, settings }: State): string[] {
  const strict = settings['net.vrf.strict_mode'];
  const bound = routes.some((r) => r.sid !== undefined && r.sid.vrf !== '');
  const lines = routes.flatMap(route);
  if (strict === 1 || bound) lines.unshift('sysctl net.vrf.strict_mode=1');
  if (strict === 0 && bound) lines.push('sysctl net.vrf.strict_mode=0');
  return lines;
}

/** A line for each next hop of a route that route(8) has words for, or the one of ip(8). */
function route(spec: RouteSpec): string[] {
  const { rdomain, family, network, length, kind, gateways, dev, metric } = spec;
  const plain = dev === '' && metric === defaultMetric(family);
  if (!plain || (kind !== 'gateway' && kind !== 'reject' && kind !== 'blackhole')) return [routeLine(spec)];
  const words = (more: string): string => `route -T ${rdomain} add -${family} ${network}/${length} ${more}`;
  if (kind !== 'gateway') return [words(`-${kind}`)];
  return gateways.map((gateway, n) => words(n === 0 ? quoteWord(gateway) : `${quoteWord(gateway)} -mpath`));
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
