/**
 * `route`: OpenBSD's words for routes that the operator makes, applied to a draft.
 */
import { BITS, type Family, familyOf, maskLength, networkOf, parsePrefix } from '../config/address.js';
import { placesOf } from '../config/route-index.js';
import { checkGateways, defaultMetric, linkOf, viaOf } from '../config/routes.js';
import type { RouteSpec } from '../config/state.js';
import { parseZoned, splitZone, zoned } from '../config/zone.js';
import { ControlError } from '../errors.js';
import { takeDomain } from './ip-table.js';
import { apart, type Draft, Words } from './words.js';

/** What the words before and after the command say. */
interface Request {
  rdomain: number;
  family: Family;
  kind: RouteSpec['kind'];
  mpath: boolean;
  network: string;
  length: number;
  gateway: string;
}

/** The gateway that a route which leads nowhere has in OpenBSD's display. */
export const LOCALHOST: Readonly<Record<Family, string>> = { inet: '127.0.0.1', inet6: '::1' };

const COMMANDS = ['add', 'change', 'delete', 'flush'];

/** Whether these words only ask: `route [-n] [-T N] show …`, `route get …`. */
export function isRouteQuery(args: readonly string[]): boolean {
  return !args.some((arg) => COMMANDS.includes(arg));
}

/**
 * `[-T RDOMAIN] [-n] add|change|delete|flush [-inet|-inet6] DEST [GATEWAY] [-netmask M] [-reject|-blackhole] [-mpath]`. Throws
 * ControlError: EEXIST, ESRCH as route(8), ENETUNREACH for a gateway on no network of ours; a configuration may have such a
 * route, which rests until its network is there.
 */
export function route(draft: Draft, args: readonly string[]): void {
  const words = new Words(apart(args, 'nq', 'T'));
  const { command, request } = readRequest(words);
  const { routes } = draft.state;
  const { rdomain, network, length, family, kind } = request;
  let { gateway } = request;
  if (command === 'flush') {
    replace(
      routes,
      routes.filter((r) => r.rdomain !== rdomain || (request.network === 'all' ? false : r.family !== family)),
    );
    return;
  }
  const [at = -1] = placesOf(routes, { rdomain, network, length });
  const old = routes[at];
  if (command === 'delete') {
    if (old === undefined) throw new ControlError('ESRCH', `${network}/${length}: no such route`);
    // What such a route shows as its gateway.
    const shown = (old.kind === 'reject' || old.kind === 'blackhole') && gateway === LOCALHOST[family];
    const left =
      gateway === '' || shown ? [] : old.gateways.filter((g) => g !== gateway && splitZone(g).address !== gateway);
    if (gateway !== '' && !shown && left.length === old.gateways.length)
      throw new ControlError('ESRCH', `${network}/${length} via ${gateway}: no such route`);
    if (left.length === 0) routes.splice(at, 1);
    else routes[at] = { ...old, gateways: left };
    return;
  }
  if (kind === 'gateway' && gateway === '') throw new ControlError('EINVAL', 'gateway missing');
  const reachable = draft.loading === true || kind !== 'gateway' || gateway === '';
  if (!reachable) {
    const parts = splitZone(gateway);
    gateway = zoned(parts.address, linkOf(draft.state, rdomain, parts)?.name ?? parts.zone);
  }
  if (!reachable && viaOf(draft.state, { rdomain, dev: '' }, gateway) === undefined) {
    throw new ControlError('ENETUNREACH', `${gateway}: on no network of rdomain ${rdomain}`);
  }
  const gateways = kind === 'gateway' ? [gateway] : [];
  const made: RouteSpec = { rdomain, family, network, length, kind, gateways, dev: '', metric: defaultMetric(family) };
  if (old === undefined) {
    if (command === 'change') throw new ControlError('ESRCH', `${network}/${length}: no such route`);
    routes.push(made);
  } else if (command === 'change') routes[at] = made;
  else if (request.mpath && old.kind === 'gateway' && !old.gateways.includes(gateway))
    routes[at] = checkGateways({ ...old, gateways: [...old.gateways, gateway] });
  else throw new ControlError('EEXIST', `${network}/${length}: there is a route already`);
}

/** The words of one change. */
function readRequest(words: Words): { command: string; request: Request } {
  const request: Request = {
    rdomain: 0,
    family: 'inet',
    kind: 'gateway',
    mpath: false,
    network: '',
    length: -1,
    gateway: '',
  };
  let command = '';
  let familySaid = false;
  let mask = -1;
  let host = false;
  const operands: string[] = [];
  while (words.more) {
    const word = words.take('word');
    if (word === '-n' || word === '-q' || word === '-net') continue;
    if (word === '-T') request.rdomain = takeDomain(words);
    else if (command === '' && COMMANDS.includes(word)) command = word;
    else if (word === '-inet' || word === '-inet6') {
      request.family = word === '-inet' ? 'inet' : 'inet6';
      familySaid = true;
    } else if (word === '-host') host = true;
    else if (word === '-reject') request.kind = 'reject';
    else if (word === '-blackhole') request.kind = 'blackhole';
    else if (word === '-mpath') request.mpath = true;
    else if (word === '-netmask') mask = maskLength(words.take('netmask'));
    else if (word === '-prefixlen') mask = words.takeNumber('prefixlen', 0, 128);
    else if (word.startsWith('-')) throw new ControlError('EINVAL', `${word}: unknown word`);
    else operands.push(word);
  }
  if (command === 'flush') {
    if (!familySaid) request.network = 'all';
    return { command, request };
  }
  const [destination, gateway = '', more] = operands;
  if (destination === undefined) throw new ControlError('EINVAL', 'destination missing');
  if (more !== undefined) throw new ControlError('EINVAL', `unexpected word ${more}`);
  if (destination === 'default') {
    const family = familySaid ? request.family : (familyOf(splitZone(gateway).address) ?? 'inet');
    Object.assign(request, { family, network: family === 'inet' ? '0.0.0.0' : '::', length: 0 });
  } else {
    const prefix = parsePrefix(wholeNetwork(destination));
    if (familySaid && prefix.family !== request.family)
      throw new ControlError('EINVAL', `${destination}: not an ${request.family} address`);
    const bits = BITS[prefix.family];
    const said = prefix.length === -1 ? mask : prefix.length;
    const length = host || said === -1 ? bits : said;
    if (length > bits) throw new ControlError('EINVAL', `a prefix of ${length} bits`);
    Object.assign(request, { family: prefix.family, network: networkOf(prefix.address, length), length });
  }
  if (gateway !== '') {
    const { address, zone } = parseZoned(gateway);
    request.gateway = zoned(address, zone);
    if (familyOf(address) !== request.family)
      throw new ControlError('EINVAL', `${gateway}: not an ${request.family} address`);
  }
  return { command, request };
}

/** `10/8` and `192.0.2/24`, as route(8) takes and prints networks, with all four numbers. */
function wholeNetwork(text: string): string {
  const short = /^(\d{1,3}(?:\.\d{1,3}){0,2})(\/\d+)$/.exec(text);
  if (short === null) return text;
  const numbers = (short[1] as string).split('.');
  return `${[...numbers, '0', '0', '0'].slice(0, 4).join('.')}${short[2]}`;
}

function replace<T>(list: T[], by: readonly T[]): void {
  list.splice(0, list.length, ...by);
}
