/**
 * `ifconfig`: OpenBSD's words, applied to a draft in the order given (spec A §1.10, §1.15).
 *
 * The first error ends the command, and the draft is thrown away: all or none.
 */
import { isDeepStrictEqual } from 'node:util';
import { isLinkName } from '../../shared/sys/link.js';
import { formatMac, isGroup, type Mac, macNumber, parseMac } from '../../shared/wire/ethernet.js';
import { dropUnreachable } from '../config/routes.js';
import { type PortRule, parseRule, parseRuleFile } from '../config/rule.js';
import {
  type AddressSpec,
  bridgeOf,
  DOMAIN,
  type InterfaceSpec,
  type InterfaceType,
  isAttached,
  MAXADDR,
  MTUS,
  NAME_MAX,
  newInterface,
  newPort,
  type PortSpec,
  RDOMAIN,
  removeInterface,
  removePort,
  removeRoutesOf,
  STORMLIMIT,
  TIMEOUT,
  type VebSpec,
} from '../config/state.js';
import { checkTunnelUp } from '../config/tunnel.js';
import { randomMac } from '../control/lladdr.js';
import { ControlError } from '../errors.js';
import { inet, looksLikeAddress } from './inet.js';
import { checkTypeOne, TUNNEL_WORDS } from './tunnel.js';
import { type Draft, Words } from './words.js';

/** One word: changes `spec` in `draft`, taking its arguments from `words`. */
type Handler = (draft: Draft, spec: InterfaceSpec, words: Words) => void;

const TYPES: readonly InterfaceType[] = ['veb', 'tap', 'mem', 'vport', 'rport', 'lo', 'erspan'];

/** What a loopback interface is made with. */
const LOOPBACK: readonly AddressSpec[] = [
  { family: 'inet', address: '127.0.0.1', length: 8, destination: '' },
  { family: 'inet6', address: '::1', length: 128, destination: '' },
];

const HANDLERS: Record<string, Handler> = {
  up: (draft, spec) => {
    checkTunnelUp(draft.state, spec);
    spec.up = true;
  },
  down: (draft, spec) => {
    if (spec.up) removeRoutesOf(draft.state, spec.name);
    spec.up = false;
  },
  mtu: (_, spec, words) => {
    if (spec.type === 'veb') throw new ControlError('ENOTTY', 'a veb has no mtu');
    spec.mtu = words.takeNumber('mtu', MTUS[spec.type].min, MTUS[spec.type].max);
  },
  lladdr: (_, spec, words) => {
    if (!isEthernet(spec.type) && spec.type !== 'vrf') {
      throw new ControlError('ENOTTY', `${spec.name}: no link-layer address here`);
    }
    const word = words.take('address');
    if (word === 'random') spec.lladdr = randomMac();
    else spec.lladdr = formatMac(unicastMac(word, 'EINVAL'));
  },
  rdomain: (draft, spec, words) => setRdomain(draft, spec, words.takeNumber('rdomain', RDOMAIN.min, RDOMAIN.max)),
  '-rdomain': (draft, spec) => setRdomain(draft, spec, 0),
  inet: inet('inet'),
  inet6: inet('inet6'),
  parent: setPeer,
  '-parent': (draft, spec) => {
    if (spec.type !== 'rport') throw new ControlError('ENOTTY', `${spec.name}: not an rport`);
    unpair(draft, spec);
  },
  description: (_, spec, words) => {
    spec.description = printable('description', words.take('description'));
  },
  '-description': (_, spec) => {
    spec.description = '';
  },
  monitor: (_, spec) => {
    spec.monitor = true;
  },
  '-monitor': (_, spec) => {
    spec.monitor = false;
  },
  debug: (_, spec) => {
    spec.debug = true;
  },
  '-debug': (_, spec) => {
    spec.debug = false;
  },
  ...TUNNEL_WORDS,
  link0: setLink(0, true),
  '-link0': setLink(0, false),
  link1: setLink(1, true),
  '-link1': setLink(1, false),
  link2: setLink(2, true),
  '-link2': setLink(2, false),
  netns: (_, spec, words) => {
    if (spec.type !== 'tap') throw new ControlError('ENOTTY', 'only a TAP has an end in a namespace');
    const netns = printable('namespace', words.take('namespace'));
    if (netns.includes('/') && !netns.startsWith('/')) {
      throw new ControlError('EINVAL', `${netns} is neither a name nor an absolute path`);
    }
    spec.netns = netns;
  },
  tso: setOffload('tso', true),
  '-tso': setOffload('tso', false),
  txcsum: setOffload('txcsum', true),
  '-txcsum': setOffload('txcsum', false),
  add: addPort,
  del: delPort,
  learn: setPortFlag('learn', true),
  '-learn': setPortFlag('learn', false),
  discover: setPortFlag('discover', true),
  '-discover': setPortFlag('discover', false),
  blocknonip: setPortFlag('blocknonip', true),
  '-blocknonip': setPortFlag('blocknonip', false),
  addspan: addSpan,
  delspan: delSpan,
  protected: (_, spec, words) => {
    const port = portOf(spec, words.take('port'));
    port.protected = domains(words.take('protected domains'));
  },
  '-protected': (_, spec, words) => {
    portOf(spec, words.take('port')).protected = [];
  },
  stormlimit: (_, spec, words) => {
    const port = portOf(spec, words.take('port'));
    port.stormlimit = words.takeNumber('stormlimit', STORMLIMIT.min, STORMLIMIT.max);
  },
  '-stormlimit': (_, spec, words) => {
    portOf(spec, words.take('port')).stormlimit = 0;
  },
  rule: (_, spec, words) => {
    vebOf(spec);
    addRules(spec, [parseRule(words.rest())]);
  },
  rulefile: ruleFile,
  flushrule: (_, spec, words) => {
    portOf(spec, words.take('port')).rules = [];
  },
  maxaddr: (_, spec, words) => {
    vebOf(spec).maxaddr = words.takeNumber('maxaddr', MAXADDR.min, MAXADDR.max);
  },
  timeout: (_, spec, words) => {
    vebOf(spec).timeout = words.takeNumber('timeout', TIMEOUT.min, TIMEOUT.max);
  },
  static: addStatic,
  deladdr: delAddress,
  flush: (draft, spec) => {
    vebOf(spec);
    draft.actions.push({ kind: 'flush', veb: spec.name, all: false });
  },
  flushall: (draft, spec) => {
    vebOf(spec).statics = [];
    draft.actions.push({ kind: 'flush', veb: spec.name, all: true });
  },
};

/** Whether these words only ask: `ifconfig`, `ifconfig -a`, `ifconfig IF`, `ifconfig IF addr`. */
export function isIfconfigQuery(words: readonly string[]): boolean {
  return words.length <= 1 || (words.length === 2 && words[1] === 'addr');
}

/** Applies the words after `ifconfig` to `draft`. Throws `ControlError`. */
export function ifconfig(draft: Draft, args: readonly string[]): void {
  const words = new Words(args);
  const name = words.take('interface');
  if (words.peek === 'create') {
    words.take('create');
    create(draft, name);
  } else if (words.peek === 'attach') {
    words.take('attach');
    attach(draft, name, words.take('xdp or packet'));
  }
  const spec = draft.state.interfaces.get(name);
  if (spec === undefined) throw new ControlError('ENXIO', `${name}: no such interface`);
  while (words.more) {
    const word = words.take('word');
    if (word === 'detach') {
      if (!isAttached(spec.type)) throw new ControlError('ENOTTY', `${name}: not attached`);
      remove(draft, spec);
      words.end();
      return;
    }
    if (word === 'destroy') {
      if (isAttached(spec.type)) throw new ControlError('EINVAL', `${name}: the host's; detach gives it back`);
      destroy(draft, spec);
      words.end();
      return;
    }
    const family = looksLikeAddress(word);
    if (family !== undefined) {
      words.back();
      inet(family)(draft, spec, words);
      continue;
    }
    const handler = Object.hasOwn(HANDLERS, word) ? HANDLERS[word] : undefined;
    if (handler === undefined) throw new ControlError('EINVAL', `${word}: unknown word`);
    handler(draft, spec, words);
  }
}

/** Every word `ifconfig` takes after an interface name, for the documentation test and completion. */
export function ifconfigWords(): string[] {
  return ['attach', 'create', 'destroy', 'detach', 'addr', ...Object.keys(HANDLERS)].sort();
}

/** The type that an interface of that name is made as; undefined for other names, which VRFs have. */
export function typeOfName(name: string): InterfaceType | undefined {
  return TYPES.find((type) => name.startsWith(type) && /^\d{1,9}$/.test(name.slice(type.length)));
}

function create(draft: Draft, name: string): void {
  if (name.length > NAME_MAX) throw new ControlError('EINVAL', `${name}: longer than ${NAME_MAX} characters`);
  const type = typeOfName(name);
  if (type === undefined) throw new ControlError('EINVAL', `${name}: not ${TYPES.map((t) => `${t}N`).join(', ')}`);
  const old = draft.state.interfaces.get(name);
  // A loopback that came with its domain may be made by hand, as a printed configuration does.
  if (old !== undefined && isDeepStrictEqual(old, domainLoopback(old.rdomain))) draft.state.interfaces.delete(name);
  else if (old !== undefined) throw new ControlError('EEXIST', `${name}: exists already`);
  draft.state.interfaces.set(name, { ...newInterface(name, type), rdomain: old?.rdomain ?? 0 });
}

/** Takes an interface of the host's. Whether there is one is seen when it is opened. */
function attach(draft: Draft, name: string, kind: string): void {
  if (kind !== 'xdp' && kind !== 'packet') throw new ControlError('EINVAL', `${kind}: attach xdp or packet`);
  if (!isLinkName(name)) throw new ControlError('EINVAL', `${name}: no interface can have that name`);
  const old = draft.state.interfaces.get(name);
  if (old !== undefined && isAttached(old.type)) throw new ControlError('EBUSY', `${name}: already attached`);
  if (old !== undefined) throw new ControlError('EEXIST', `${name}: exists already`);
  draft.state.interfaces.set(name, newInterface(name, kind));
}

/** A change of the domain takes the addresses away; the domain's loopback comes with its first interface (rdomain(4)). */
function setRdomain(draft: Draft, spec: InterfaceSpec, rdomain: number): void {
  if (rdomain === spec.rdomain) return;
  if (spec.type === 'vrf') throw new ControlError('EPERM', `${spec.name}: its table is its domain`);
  if (spec.name === `lo${spec.rdomain}`) {
    throw new ControlError('EPERM', `${spec.name}: the loopback of rdomain ${spec.rdomain}`);
  }
  spec.rdomain = rdomain;
  spec.master = '';
  spec.addresses = [];
  dropUnreachable(draft.state);
  const loopback = `lo${rdomain}`;
  if (rdomain === 0 || spec.type === 'veb' || spec.name === loopback) return;
  const made = draft.state.interfaces.get(loopback);
  if (made === undefined) draft.state.interfaces.set(loopback, domainLoopback(rdomain));
  // One that was made before its domain belongs to it from now on.
  else if (made.rdomain !== rdomain) setRdomain(draft, made, rdomain);
}

/** The loopback interface that a routing domain comes with. */
function domainLoopback(rdomain: number): InterfaceSpec {
  return { ...newInterface(`lo${rdomain}`, 'lo'), rdomain, up: true, addresses: [...LOOPBACK] };
}

/** `destroy`; the loopback of a domain stays as long as other interfaces are in it. */
function destroy(draft: Draft, spec: InterfaceSpec): void {
  const rdomain = spec.type === 'lo' ? Number(spec.name.slice('lo'.length)) : 0;
  const used = (other: InterfaceSpec): boolean => other !== spec && other.rdomain === rdomain && other.type !== 'veb';
  if (rdomain !== 0 && [...draft.state.interfaces.values()].some(used)) {
    throw new ControlError('EBUSY', `${spec.name}: rdomain ${rdomain} is in use`);
  }
  remove(draft, spec);
}

function remove(draft: Draft, spec: InterfaceSpec): void {
  removeInterface(draft.state, spec.name);
  dropUnreachable(draft.state);
}

/** Spec A §5.5: the errors in that order. Pairing is symmetric. */
function setPeer(draft: Draft, spec: InterfaceSpec, words: Words): void {
  if (spec.type !== 'rport') throw new ControlError('ENOTTY', `${spec.name}: not an rport`);
  const name = words.take('parent');
  const peer = draft.state.interfaces.get(name);
  if (peer === undefined) throw new ControlError('EINVAL', `${name}: no such interface`);
  if (peer === spec) throw new ControlError('EINVAL', `${name}: cannot be its own parent`);
  if (peer.type !== 'rport') throw new ControlError('EPROTONOSUPPORT', `${name}: not an rport`);
  if (spec.peer === name) return;
  for (const one of [spec, peer]) {
    if (one.peer !== '') throw new ControlError('EBUSY', `${one.name}: paired with ${one.peer}`);
  }
  spec.peer = name;
  peer.peer = spec.name;
}

function unpair(draft: Draft, spec: InterfaceSpec): void {
  const peer = draft.state.interfaces.get(spec.peer);
  if (peer !== undefined) peer.peer = '';
  spec.peer = '';
}

/** Whether interfaces of that type have an Ethernet address. */
function isEthernet(type: InterfaceType): boolean {
  return type === 'tap' || type === 'mem' || type === 'vport' || type === 'erspan' || isAttached(type);
}

function setLink(which: 0 | 1 | 2, on: boolean): Handler {
  return (_, spec) => {
    if (which === 1) checkTypeOne(spec, on);
    spec.link[which] = on;
  };
}

function setOffload(which: 'tso' | 'txcsum', on: boolean): Handler {
  return (_, spec) => {
    if (spec.type === 'veb') throw new ControlError('ENOTTY', 'a veb has no offloads');
    if (spec.type === 'erspan') throw new ControlError('ENOTTY', `${spec.name}: a tunnel has no offloads`);
    if (spec.type === 'xdp') throw new ControlError('ENOTTY', `${spec.name}: AF_XDP has no offloads`);
    spec[which] = on;
  };
}

function setPortFlag(flag: 'learn' | 'discover' | 'blocknonip', on: boolean): Handler {
  return (_, spec, words) => {
    portOf(spec, words.take('port'))[flag] = on;
  };
}

/** Spec A §1.10, "add port": the errors in that order. */
function addPort(draft: Draft, spec: InterfaceSpec, words: Words): void {
  const veb = vebOf(spec);
  veb.ports.push(newPort(newMember(draft, words.take('port'))));
}

function addSpan(draft: Draft, spec: InterfaceSpec, words: Words): void {
  const veb = vebOf(spec);
  const name = newMember(draft, words.take('port'));
  if (draft.state.interfaces.get(name)?.type === 'vport') {
    throw new ControlError('EPROTONOSUPPORT', `${name}: a vport cannot be a span port`);
  }
  veb.spans.push(name);
}

/** The name of an interface that may become a port or span port. */
function newMember(draft: Draft, name: string): string {
  if (name.length > NAME_MAX) throw new ControlError('EINVAL', `${name}: longer than ${NAME_MAX} characters`);
  const port = draft.state.interfaces.get(name);
  if (port === undefined) throw new ControlError('EINVAL', `${name}: no such interface`);
  if (!isEthernet(port.type)) throw new ControlError('EPROTONOSUPPORT', `${name}: not an Ethernet interface`);
  const bridge = bridgeOf(draft.state, name);
  if (bridge !== undefined) throw new ControlError('EBUSY', `${name}: already a port of ${bridge.name}`);
  return name;
}

function delPort(_: Draft, spec: InterfaceSpec, words: Words): void {
  const veb = vebOf(spec);
  const name = words.take('port');
  if (!veb.ports.some((p) => p.name === name)) {
    throw new ControlError('EINVAL', `${name}: not a port of ${spec.name}`);
  }
  removePort(veb, name);
}

function delSpan(_: Draft, spec: InterfaceSpec, words: Words): void {
  const veb = vebOf(spec);
  const name = words.take('port');
  if (!veb.spans.includes(name)) throw new ControlError('EINVAL', `${name}: not a span port of ${spec.name}`);
  removePort(veb, name);
}

/** `1,2,31` as numbers, ascending, each once. */
function domains(word: string): number[] {
  const numbers = word.split(',').map((text) => (/^\d{1,2}$/.test(text) ? Number(text) : 0));
  if (numbers.some((n) => n < DOMAIN.min || n > DOMAIN.max)) {
    throw new ControlError('EINVAL', `${word}: not a list of domains ${DOMAIN.min} to ${DOMAIN.max}`);
  }
  return [...new Set(numbers)].sort((a, b) => a - b);
}

/** Appends rules to their ports' lists. Throws ESRCH, having appended none, if one is for something else. */
function addRules(spec: InterfaceSpec, rules: readonly PortRule[]): void {
  const ports = rules.map(({ port }) => portOf(spec, port));
  rules.forEach(({ rule }, n) => {
    (ports[n] as PortSpec).rules.push(rule);
  });
}

/** `rulefile [-f] FILE`: appends a file's rules; with -f they take the place of those that the ports named in it have (A76). */
function ruleFile(draft: Draft, spec: InterfaceSpec, words: Words): void {
  vebOf(spec);
  const replaces = words.peek === '-f';
  if (replaces) words.take('-f');
  const name = words.take('file');
  if (draft.readFile === undefined) throw new ControlError('ENOENT', `${name}: files cannot be read here`);
  const rules = parseRuleFile(name, draft.readFile(name));
  for (const { port } of replaces ? rules : []) portOf(spec, port).rules = [];
  addRules(spec, rules);
}

/** Spec A §3.6 with its corrections: the first of N is as good as the last; the same again is success. */
function addStatic(_: Draft, spec: InterfaceSpec, words: Words): void {
  const veb = vebOf(spec);
  const port = words.take('port');
  portOf(spec, port);
  const mac = formatMac(unicastMac(words.take('address'), 'EADDRNOTAVAIL'));
  const old = veb.statics.find((s) => s.mac === mac);
  if (old?.port === port) return;
  if (old !== undefined) throw new ControlError('EADDRINUSE', `${mac}: already a static address of ${old.port}`);
  if (veb.statics.length >= veb.maxaddr)
    throw new ControlError('ENOSPC', `${spec.name}: all ${veb.maxaddr} addresses are static`);
  veb.statics.push({ mac, port });
}

function delAddress(draft: Draft, spec: InterfaceSpec, words: Words): void {
  const veb = vebOf(spec);
  const word = words.take('address');
  const mac = parseMac(word);
  if (mac === undefined) throw new ControlError('EINVAL', `${word}: not a MAC address`);
  const text = formatMac(mac);
  if (veb.statics.some((s) => s.mac === text)) veb.statics = veb.statics.filter((s) => s.mac !== text);
  else draft.actions.push({ kind: 'deladdr', veb: spec.name, mac: text });
}

/** A word without control characters: it must stand on one line of a configuration. */
function printable(what: string, word: string): string {
  if (/\p{Cc}/u.test(word)) throw new ControlError('EINVAL', `${what}: control characters are not allowed`);
  return word;
}

function vebOf(spec: InterfaceSpec): VebSpec {
  if (spec.veb === undefined) throw new ControlError('ENOTTY', `${spec.name}: not a bridge`);
  return spec.veb;
}

function portOf(spec: InterfaceSpec, name: string): PortSpec {
  const port = vebOf(spec).ports.find((p) => p.name === name);
  if (port === undefined) throw new ControlError('ESRCH', `${name}: not a port of ${spec.name}`);
  return port;
}

/** A unicast address that is not all zeros; group and zero addresses fail with `refusal`. */
function unicastMac(word: string, refusal: 'EINVAL' | 'EADDRNOTAVAIL'): Mac {
  const mac = parseMac(word);
  if (mac === undefined) throw new ControlError('EINVAL', `${word}: not a MAC address`);
  if (isGroup(mac.hi) || macNumber(mac) === 0)
    throw new ControlError(refusal, `${word}: not the address of one station`);
  return mac;
}
