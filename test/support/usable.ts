/**
 * Waiting for duplicate address detection, whose packets and late addresses a test that counts would see.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { addressWords } from '../../src/main/config/address.js';
import { allAddresses } from '../../src/main/config/link-local.js';
import type { Router } from '../../src/main/router.js';

/** Does without duplicate address detection, which takes a second. */
export const UNPROBED = 'sysctl net.inet6.ip6.dad_count=0';

/** Resolves when duplicate address detection has let all addresses of a router through. */
export async function usable(router: Router): Promise<void> {
  const tentative = (): boolean =>
    router.table
      .all()
      .some((live) =>
        allAddresses(live.spec, live.lladdr).some(
          (a) => router.stack.addressState(live.index, addressWords(a.address)) === 'tentative',
        ),
      );
  while (tentative()) await sleep(50);
}
