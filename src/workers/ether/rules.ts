/**
 * Bridge rules as veb input and output use them (spec A §2.3): the walk for a frame of the burst, and the burst's tags. Runs on
 * a worker.
 */

import { Meta } from '../../shared/layout/packet.js';
import { makeRuleWalk } from '../../shared/table/rule-list.js';
import { etherType } from '../../shared/wire/ethernet.js';
import type { Context } from '../context.js';

/** What the rules of list `list` say about frame `i` of the burst: a `Verdict`. */
export type FrameRules = (i: number, list: number) => number;

/**
 * Makes the walk of one worker. Once in a thread, for both directions: a second one makes both slower (ARCHITECTURE.md, "Fast
 * path").
 */
export function makeFrameRules(ctx: Context): FrameRules {
  const { heap, meta, u16, slots, length, dstHi, dstLo, srcHi, srcLo } = ctx;
  const walk = makeRuleWalk(heap, u16);

  function frameRules(i: number, list: number): number {
    const offset = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
    return walk(list, offset, length[i], dstHi[i], dstLo[i], srcHi[i], srcLo[i], etherType(u16, offset));
  }

  return frameRules;
}

/** From here on the burst has tags. Before any frame is queued but for span ports, or some would go with tags of old. */
export function openTags(ctx: Context): void {
  if (ctx.tagged) return;
  ctx.tagged = true;
  ctx.tag.fill(0);
}
