/**
 * Ethernet input of an interface that is no bridge port, or whose bridge gave the frame back (spec A §1.2): the
 * interface's own stack. There is no layer 3 yet, so the way ends here.
 */

import type { Context } from '../context.js';
import { consume } from '../drop.js';

/** Takes frame `i`, received on interface `index`. */
export function ethernetInput(ctx: Context, i: number, index: number): void {
  consume(ctx, i, index);
}
