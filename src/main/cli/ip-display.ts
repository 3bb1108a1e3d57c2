/**
 * What `ip … show` prints: iproute2's lines, or with `--json` the values of its own `-json`. Links, routes and rules have files of
 * their own. Main only.
 */
import { type Family, formatAddress } from '../config/address.js';
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
      return showNeighbours(router, readDevice(router, words), family, json);
    case 'address':
      return showLinks(router, words, { ...command, json }, [family ?? 'inet', family ?? 'inet6']);
    case 'link':
      return showLinks(router, words, { ...command, json }, []);
  }
}

/** `[dev] IF`, or nothing for all. */
function readDevice(router: Router, words: Words): string {
  if (words.peek === 'dev') words.take('dev');
  const name = words.more ? router.table.get(words.take('interface')).name : '';
  words.end();
  return name;
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

function showNeighbours(router: Router, dev: string, family: Family | undefined, json: boolean): string {
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
    .filter((n) => dev === '' || n.dev === dev);
  if (json) return `${JSON.stringify(known)}\n`;
  return known
    .map((n) => {
      const lladdr = n.lladdr === undefined ? '' : ` lladdr ${n.lladdr}`;
      const name = dev === '' ? ` dev ${n.dev}` : '';
      return `${n.dst}${name}${lladdr}${'router' in n ? ' router' : ''} ${n.state[0]} \n`;
    })
    .join('');
}
