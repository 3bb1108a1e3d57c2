/**
 * A translated packet filter allocates nothing once the code is warm (shared/bpf/translate.ts).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Op } from '../../src/shared/bpf/instruction.js';
import { translate } from '../../src/shared/bpf/translate.js';
import { heapGrowth } from '../support/heap-growth.js';

/** Loads of every kind, arithmetic beyond the small integers, memory. */
const PROGRAM = [
  [Op.LD_H_ABS, 0, 0, 0],
  [Op.JEQ_K, 0, 7, 0x4580],
  [Op.LDX_MSH, 0, 0, 0],
  [Op.LD_W_IND, 0, 0, 0],
  [Op.ADD_K, 0, 0, 0xfffffff0],
  [Op.ST, 0, 0, 3],
  [Op.LDX_MEM, 0, 0, 3],
  [Op.DIV_X, 0, 0, 0],
  [Op.RET_A, 0, 0, 0],
  [Op.RET_K, 0, 0, 0],
].flat();

test('a filter allocates nothing', () => {
  const u8 = new Uint8Array(64).fill(0xff);
  u8.set([0x45, 0x80]);
  const filter = translate(PROGRAM);
  let sum = 0;
  const run = (units: number): void => {
    for (let n = 0; n < units; n++) sum = (sum + filter(u8, 0, 60, 60)) | 0;
  };
  const bytes = heapGrowth(run, 20_000, 10, 0.5);
  assert.ok(sum !== 0 && bytes < 0.5, `${bytes} bytes a packet`);
});
