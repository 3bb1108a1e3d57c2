/**
 * Which commands only ask, and so are open to the read group of the control socket. What is not known to only ask, acts.
 */
import { isIfconfigQuery } from './ifconfig.js';
import { isIpQuery } from './ip.js';
import { isRouteQuery } from './route.js';
import { isSysctlQuery } from './sysctl.js';

/** Neighbours are listed with -a, or named; -d and -s act, also in a bundle. */
const isNeighbourQuery = (args: readonly string[]): boolean => !args.some((arg) => /^-[a-zA-Z]*[ds]/.test(arg));

const ASKS: Readonly<Record<string, (args: readonly string[]) => boolean>> = {
  complete: () => true,
  show: (args) => !args.includes('secrets'),
  netstat: () => true,
  ifconfig: isIfconfigQuery,
  // Keys are for those who may set them.
  ip: (args) => isIpQuery(args) && !args.some((arg) => arg.length > 1 && 'hmac'.startsWith(arg)),
  route: isRouteQuery,
  sysctl: isSysctlQuery,
  arp: isNeighbourQuery,
  ndp: isNeighbourQuery,
};

/** Whether this command changes nothing and sends nothing. Throws ControlError where its words make no sense. */
export function onlyAsks(words: readonly string[]): boolean {
  const [word = '', ...args] = words;
  const asks = Object.hasOwn(ASKS, word) ? ASKS[word] : undefined;
  return asks?.(args) ?? false;
}
