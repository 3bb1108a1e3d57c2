/** Link-layer addresses that nobody gave. */

/** A locally administered unicast address, fe:e1:ba:dX:RR:RR as OpenBSD makes them. */
export function randomMac(): string {
  const nibble = (n: number): string => Math.floor(Math.random() * n).toString(16);
  return `fe:e1:ba:d${nibble(16)}:${nibble(16)}${nibble(16)}:${nibble(16)}${nibble(16)}`;
}
