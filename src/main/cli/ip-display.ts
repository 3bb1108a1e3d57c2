/**
 * What `ip … show` prints: iproute2's lines, or with `--json` the values of its own `-json`. Links, routes and rules have files of
 * their own. Main only.
 */
import { BITS, contains, type Family, familyOf, formatAddress, parsePrefix } from '../config/address.js';
import type { Router } from '../router.js';
import type { NeighbourState } from '../stack/neighbours.js';
import { parseIp } from './ip.js';
import { showLinks, showVrfs } from './ip-link-display.js';
import { showRoutes } from './ip-route-display.js';
import { showRules } from './ip-rule.js';
import { showSeg6 } from './ip-sr.js';
import { Words } from './words.js';

/** Answers `ip … show …`. Throws ControlError: EINVAL, ENXIO for an interface there is not. */
export function showIp(router: Router, args: readonly string[], asJson: boolean): string {
  const command = parseIp(args);
  const { object, family, rest } = command;
  const json = asJson || command.json;
  const words = new Words(rest);
  switch (object) {
    case 'rule':
      return showRules(router.state, family ?? 'inet', json);
    case 'route':
      return showRoutes(router, family ?? 'inet', words, json, command.statistics);
    case 'vrf':
      return showVrfs(router.state, words, json);
    case 'sr':
      return showSeg6(router.state, command.command, json);
    case 'neighbour':
      return showNeighbours(router, readNeighbours(router, words), family, json);
    case 'address':
      return showLinks(router, words, { ...command, json }, family === undefined ? ['inet', 'inet6'] : [family]);
    case 'link':
      return showLinks(router, words, { ...command, json }, []);
  }
}

/** Which neighbours are wanted; empty = any. */
interface Wanted {
  readonly dev: string;
  readonly network: string;
  readonly length: number;
}

/** `[dev IF] [[to] ADDR[/LEN]]`; what is no address is an interface. Throws EINVAL, ENXIO. */
function readNeighbours(router: Router, words: Words): Wanted {
  let wanted = { dev: '', network: '', length: -1 };
  while (words.more) {
    const word = words.take('word');
    const prefix = word === 'to' ? words.take('address') : word;
    if (word === 'to' || familyOf(prefix.replace(/\/.*/, '')) !== undefined) {
      const { address, family, length } = parsePrefix(prefix);
      wanted = { ...wanted, network: address, length: length === -1 ? BITS[family] : length };
    } else wanted.dev = router.table.get(word === 'dev' ? words.take('interface') : word).name;
  }
  return wanted;
}

/** What the kernel calls the states. */
const NUD: Record<NeighbourState, string> = {
  incomplete: 'INCOMPLETE',
  reachable: 'REACHABLE',
  stale: 'STALE',
  delay: 'DELAY',
  probe: 'PROBE',
  failed: 'FAILED',
  static: 'PERMANENT',
};

function showNeighbours(router: Router, wanted: Wanted, family: Family | undefined, json: boolean): string {
  const { dev, network, length } = wanted;
  const known = router.stack
    .neighbours()
    .filter((n) => family === undefined || (n.family === 4) === (family === 'inet'))
    .map((n) => ({
      dst: formatAddress(n.words),
      dev: router.table.nameOf(n.index),
      lladdr: n.lladdr === undefined ? undefined : [...n.lladdr].map((b) => b.toString(16).padStart(2, '0')).join(':'),
      ...(n.router ? { router: null } : {}),
      state: [NUD[n.state]],
    }))
    .filter((n) => dev === '' || n.dev === dev)
    .filter((n) => network === '' || (familyOf(n.dst) === familyOf(network) && contains(network, length, n.dst)));
  if (json) return `${JSON.stringify(known)}\n`;
  return known
    .map((n) => {
      const lladdr = n.lladdr === undefined ? '' : ` lladdr ${n.lladdr}`;
      const name = dev === '' ? ` dev ${n.dev}` : '';
      return `${n.dst}${name}${lladdr}${'router' in n ? ' router' : ''} ${n.state[0]} \n`;
    })
    .join('');
}
