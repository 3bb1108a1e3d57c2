/** Keeps Linux from sending frames of its own on a link of this namespace, which tests that count frames would see. */
import { existsSync, writeFileSync } from 'node:fs';

/** Call it while the link is down. */
export function quietLink(name: string): void {
  const file = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
  if (existsSync(file)) writeFileSync(file, '1');
}
