/**
 * Whether a program is safe to run: it ends, stays inside itself and its memory, and divides by no constant zero. Any thread.
 *
 * All jumps go forward, so a program ends after at most as many steps as it has instructions. Loads are not judged: where a packet
 * is too short for one the program returns 0.
 */
import {
  INSTRUCTION,
  instructions,
  isBranch,
  MAX_INSTRUCTIONS,
  MEMORY_WORDS,
  Op,
  type Program,
  Word,
} from './instruction.js';

/** Every code that is one. */
const KNOWN: ReadonlySet<number> = new Set([
  ...[Op.LD_IMM, Op.LD_W_ABS, Op.LD_H_ABS, Op.LD_B_ABS, Op.LD_W_IND, Op.LD_H_IND, Op.LD_B_IND, Op.LD_MEM, Op.LD_LEN],
  ...[Op.LDX_IMM, Op.LDX_MEM, Op.LDX_LEN, Op.LDX_MSH, Op.ST, Op.STX],
  ...[Op.ADD_K, Op.ADD_X, Op.SUB_K, Op.SUB_X, Op.MUL_K, Op.MUL_X, Op.DIV_K, Op.DIV_X, Op.MOD_K, Op.MOD_X],
  ...[Op.OR_K, Op.OR_X, Op.AND_K, Op.AND_X, Op.XOR_K, Op.XOR_X, Op.LSH_K, Op.LSH_X, Op.RSH_K, Op.RSH_X, Op.NEG],
  ...[Op.JA, Op.JEQ_K, Op.JEQ_X, Op.JGT_K, Op.JGT_X, Op.JGE_K, Op.JGE_X, Op.JSET_K, Op.JSET_X],
  ...[Op.RET_K, Op.RET_A, Op.TAX, Op.TXA],
]);
/** Offsets from here on are Linux's own data about a packet (SKF_AD_OFF and below it), which only its kernel has. */
const ANCILLARY = 0xffe00000;

/** What is wrong with `program`, in a few words with the number of the instruction; undefined if it may be run. */
export function verify(program: Program): string | undefined {
  const count = instructions(program);
  if (program.length % INSTRUCTION !== 0) return 'the last instruction is not whole';
  if (count === 0) return 'no instructions';
  if (count > MAX_INSTRUCTIONS) return `${count} instructions; ${MAX_INSTRUCTIONS} is the most`;
  for (let pc = 0; pc < count; pc++) {
    const fault = faultOf(program, pc, count);
    if (fault !== undefined) return `instruction ${pc}: ${fault}`;
  }
  const last = program[(count - 1) * INSTRUCTION + Word.CODE];
  return last === Op.RET_K || last === Op.RET_A ? undefined : 'the last instruction does not return';
}

function faultOf(program: Program, pc: number, count: number): string | undefined {
  const at = pc * INSTRUCTION;
  const code = program[at + Word.CODE];
  const k = program[at + Word.K] >>> 0;
  if (!KNOWN.has(code)) return `unknown code ${code}`;
  if (code === Op.JA && pc + 1 + k >= count) return 'jumps out of the program';
  if (isBranch(code)) {
    for (const jump of [program[at + Word.JT], program[at + Word.JF]]) {
      if (!(jump >= 0 && jump <= 255 && pc + 1 + jump < count)) return 'jumps out of the program';
    }
  }
  if ((code === Op.ST || code === Op.STX || code === Op.LD_MEM || code === Op.LDX_MEM) && k >= MEMORY_WORDS)
    return `no memory word ${k}`;
  if ((code === Op.DIV_K || code === Op.MOD_K) && k === 0) return 'divides by zero';
  if ((code === Op.LSH_K || code === Op.RSH_K) && k > 31) return `shifts by ${k}`;
  if ((code === Op.LD_W_ABS || code === Op.LD_H_ABS || code === Op.LD_B_ABS) && k >= ANCILLARY)
    return 'asks for what only the Linux kernel knows of a packet';
  return undefined;
}
