/** `ifconfig` lines for a running router. */
import { ifconfig } from '../../src/main/cli/ifconfig.js';
import { splitWords } from '../../src/main/config/lines.js';
import type { Router } from '../../src/main/router.js';

/** A function that applies lines of `ifconfig` words to `router`, all in one change. */
export function ifconfigOn(router: Router): (...lines: string[]) => Promise<void> {
  return (...lines) =>
    router.change((draft) => {
      for (const line of lines) ifconfig(draft, splitWords(line));
    });
}
