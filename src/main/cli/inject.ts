/**
 * `inject IF HEX`: sends one frame out of an interface, as a bpf(4) write would (spec A A51); on an rport a packet behind a LOOP
 * header.
 */
import { ControlError } from '../errors.js';
import type { Router } from '../router.js';
import { Words } from './words.js';

/** Runs the words after `inject`. Throws ControlError. */
export function inject(router: Router, args: readonly string[]): void {
  const words = new Words(args);
  const live = router.table.get(words.take('interface'));
  const hex = words.take('frame').replaceAll(':', '');
  words.end();
  if (!/^([0-9a-f]{2})+$/i.test(hex)) throw new ControlError('EINVAL', `${hex}: not bytes in hexadecimal`);
  router.injector.send(live, Buffer.from(hex, 'hex'));
}
