/**
 * Random BPF programs that `verify` passes, and random packets for them.
 */
import { INSTRUCTION, MEMORY_WORDS, Op } from '../../src/shared/bpf/instruction.js';

type Random = (below: number) => number;

const LOADS = [Op.LD_W_ABS, Op.LD_H_ABS, Op.LD_B_ABS, Op.LD_W_IND, Op.LD_H_IND, Op.LD_B_IND, Op.LDX_MSH];
const REST = [
  ...[Op.LD_IMM, Op.LD_LEN, Op.LDX_IMM, Op.LDX_LEN, Op.TAX, Op.TXA, Op.NEG],
  ...[Op.LD_MEM, Op.LDX_MEM, Op.ST, Op.STX],
];
const ARITHMETIC = [
  ...[Op.ADD_K, Op.ADD_X, Op.SUB_K, Op.SUB_X, Op.MUL_K, Op.MUL_X, Op.DIV_K, Op.DIV_X, Op.MOD_K, Op.MOD_X],
  ...[Op.OR_K, Op.OR_X, Op.AND_K, Op.AND_X, Op.XOR_K, Op.XOR_X, Op.LSH_K, Op.LSH_X, Op.RSH_K, Op.RSH_X],
];
const BRANCHES = [...[Op.JEQ_K, Op.JEQ_X, Op.JGT_K, Op.JGT_X, Op.JGE_K, Op.JGE_X, Op.JSET_K, Op.JSET_X]];
/** Numbers at which 32-bit arithmetic turns. */
const EDGES = [0, 1, 2, 31, 32, 255, 0xffff, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff];

/** A program of up to `most` instructions. */
export function randomProgram(random: Random, most: number): Uint32Array {
  const count = 2 + random(Math.max(1, most - 1));
  const program = new Uint32Array(count * INSTRUCTION);
  for (let pc = 0; pc < count - 1; pc++) program.set(randomInstruction(random, count - 2 - pc), pc * INSTRUCTION);
  program.set(randomReturn(random), (count - 1) * INSTRUCTION);
  return program;
}

/** One instruction that has `behind` others, less its own next one, to jump to. */
function randomInstruction(random: Random, behind: number): number[] {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const number = (): number => (random(2) === 0 ? pick(EDGES) : random(300));
  const jump = (): number => random(Math.min(behind, random(3) === 0 ? 255 : 5) + 1);
  const kind = random(20);
  if (kind < 6) {
    const code = pick(LOADS);
    return [code, 0, 0, random(20) === 0 ? pick(EDGES) & 0x7fffffff : random(48)];
  }
  if (kind < 10) {
    const code = pick(REST);
    const memory = code === Op.LD_MEM || code === Op.LDX_MEM || code === Op.ST || code === Op.STX;
    return [code, 0, 0, memory ? random(MEMORY_WORDS) : number()];
  }
  if (kind < 15) {
    const code = pick(ARITHMETIC);
    const shift = code === Op.LSH_K || code === Op.RSH_K;
    return [code, 0, 0, shift ? random(32) : number() || 3];
  }
  if (kind === 19 && random(4) === 0) return randomReturn(random);
  if (kind === 18 && random(3) === 0) return [Op.JA, 0, 0, jump()];
  return [pick(BRANCHES), jump(), jump(), number()];
}

function randomReturn(random: Random): number[] {
  if (random(2) === 0) return [Op.RET_A, 0, 0, 0];
  return [Op.RET_K, 0, 0, EDGES[random(EDGES.length)] as number];
}
