/**
 * Bridge rules as veb input and output use them (spec A §2.3): the walk for a frame of the burst, and the burst's tags. Runs on
 * a worker.
 */

import { Meta } from '../../shared/layout/packet.js';
import type { RuleWalk } from '../../shared/table/rule-list.js';
import { etherType } from '../../shared/wire/ethernet.js';
import type { Context } from '../context.js';

/** What the rules of `list` say about frame `i`: a `Verdict`. */
export function walkRules(ctx: Context, walk: RuleWalk, i: number, list: number): number {
  const offset = ctx.meta[(ctx.slots[i] << Meta.SHIFT) + Meta.OFFSET];
  const type = etherType(ctx.u16, offset);
  return walk(list, offset, ctx.length[i], ctx.dstHi[i], ctx.dstLo[i], ctx.srcHi[i], ctx.srcLo[i], type);
}

/** From here on the burst has tags. Before any frame is queued but for span ports, or some would go with tags of old. */
export function openTags(ctx: Context): void {
  if (ctx.tagged) return;
  ctx.tagged = true;
  ctx.tag.fill(0);
}
