/**
 * A program as a JavaScript function, made once when a filter is installed. Any thread; workers call what it returns per packet.
 *
 * Jumps go forward only, so each target is the end of a labelled block and a jump is a `break` out of it; blocks are nested, the
 * farthest target outermost. A and X are local int32; what must be unsigned (order, division, right shift, indices) says so where it
 * is used. The text is made of this file's words and of integers alone.
 */

import { type Filter, INSTRUCTION, instructions, isBranch, MOST_BYTES, Op, type Program, Word } from './instruction.js';
import { interpret } from './interpret.js';
import { verify } from './verify.js';

/** More targets than this and blocks would nest too deep for the parser's stack: such a program is interpreted. */
const MOST_TARGETS = 400;

/** The filter that `program` is. Throws RangeError if `verify` finds fault with it. `program` must not change afterwards. */
export function translate(program: Program): Filter {
  const fault = verify(program);
  if (fault !== undefined) throw new RangeError(`BPF program: ${fault}`);
  const targets = targetsOf(program);
  if (targets.length > MOST_TARGETS) {
    return (u8, at, length, wireLength) => interpret(program, u8, at, length, wireLength);
  }
  return new Function('u8', 'at', 'length', 'wireLength', sourceOf(program, targets)) as Filter;
}

/** Instructions that are jumped to, over at least one other, in order. */
function targetsOf(program: Program): number[] {
  const targets = new Set<number>();
  for (let pc = 0; pc < instructions(program); pc++) {
    const word = pc * INSTRUCTION;
    const code = program[word + Word.CODE];
    const jumps = isBranch(code) ? [program[word + Word.JT], program[word + Word.JF]] : [];
    if (code === Op.JA) jumps.push(program[word + Word.K] >>> 0);
    for (const jump of jumps) if (jump > 0) targets.add(pc + 1 + jump);
  }
  return [...targets].sort((a, b) => a - b);
}

/** The body of the function. */
function sourceOf(program: Program, targets: readonly number[]): string {
  const lines = ['let a = 0, x = 0, i = 0;'];
  for (const word of memoryOf(program)) lines.push(`let m${word} = 0;`);
  for (const target of [...targets].reverse()) lines.push(`to${target}: {`);
  const ends = new Set(targets);
  for (let pc = 0; pc < instructions(program); pc++) {
    if (ends.has(pc)) lines.push('}');
    lines.push(statement(program, pc));
  }
  return lines.join('\n');
}

/** Words of memory that a program uses. */
function memoryOf(program: Program): Set<number> {
  const used = new Set<number>();
  for (let pc = 0; pc < instructions(program); pc++) {
    const code = program[pc * INSTRUCTION + Word.CODE];
    if (code === Op.ST || code === Op.STX || code === Op.LD_MEM || code === Op.LDX_MEM)
      used.add(program[pc * INSTRUCTION + Word.K]);
  }
  return used;
}

/** One instruction. */
function statement(program: Program, pc: number): string {
  const word = pc * INSTRUCTION;
  const code = program[word + Word.CODE];
  const k = program[word + Word.K] >>> 0;
  const go = (jump: number): string => (jump === 0 ? '' : `break to${pc + 1 + jump};`);
  if (isBranch(code)) {
    const [jt, jf] = [program[word + Word.JT], program[word + Word.JF]];
    if (jt === jf) return go(jt);
    return jt === 0 ? `if (!(${condition(code, k)})) ${go(jf)}` : `if (${condition(code, k)}) ${go(jt)} ${go(jf)}`;
  }
  if ((code & 7) === 4) return arithmetic(code, k);
  switch (code) {
    case Op.LD_W_ABS:
    case Op.LD_H_ABS:
    case Op.LD_B_ABS: {
      const size = sizeOf(code);
      return `if (length < ${k + size}) return 0; a = ${bytes('at', k, size)};`;
    }
    case Op.LD_W_IND:
    case Op.LD_H_IND:
    case Op.LD_B_IND: {
      const size = sizeOf(code);
      // The sum is an ordinary number: it cannot wrap and come back into the packet.
      return `i = (x >>> 0) + ${k}; if (i + ${size} > length) return 0; i = at + i | 0; a = ${bytes('i', 0, size)};`;
    }
    case Op.LDX_MSH:
      return `if (length < ${k + 1}) return 0; x = (u8[at + ${k}] & 15) << 2;`;
    case Op.LD_IMM:
      return `a = ${k | 0};`;
    case Op.LDX_IMM:
      return `x = ${k | 0};`;
    case Op.LD_LEN:
      return 'a = wireLength | 0;';
    case Op.LDX_LEN:
      return 'x = wireLength | 0;';
    case Op.LD_MEM:
      return `a = m${k};`;
    case Op.LDX_MEM:
      return `x = m${k};`;
    case Op.ST:
      return `m${k} = a;`;
    case Op.STX:
      return `m${k} = x;`;
    case Op.TAX:
      return 'x = a;';
    case Op.TXA:
      return 'a = x;';
    case Op.JA:
      return go(k);
    case Op.RET_A:
      return `return a < 0 ? ${MOST_BYTES} : a;`;
    default:
      return `return ${Math.min(k, MOST_BYTES)};`;
  }
}

/** Bytes that a load takes. */
function sizeOf(code: number): number {
  const size = code & 0x18;
  return size === 0 ? 4 : size === 8 ? 2 : 1;
}

/** `size` bytes at `base` + `offset`, the first one most significant. */
function bytes(base: string, offset: number, size: number): string {
  const parts: string[] = [];
  for (let n = 0; n < size; n++) {
    const shift = 8 * (size - 1 - n);
    parts.push(`u8[${base} + ${offset + n}]${shift === 0 ? '' : ` << ${shift}`}`);
  }
  return parts.join(' | ');
}

/** Whether a conditional jump is taken. */
function condition(code: number, k: number): string {
  const byX = (code & 8) !== 0;
  const signed = byX ? 'x' : String(k | 0);
  const unsigned = byX ? '(x >>> 0)' : String(k);
  switch (code & ~8) {
    case Op.JEQ_K:
      return `a === ${signed}`;
    case Op.JGT_K:
      return `(a >>> 0) > ${unsigned}`;
    case Op.JGE_K:
      return `(a >>> 0) >= ${unsigned}`;
    default:
      return `(a & ${signed}) !== 0`;
  }
}

function arithmetic(code: number, k: number): string {
  const byX = (code & 8) !== 0;
  const signed = byX ? 'x' : String(k | 0);
  const unsigned = byX ? '(x >>> 0)' : String(k);
  const unlessZero = byX ? 'if (x === 0) return 0; ' : '';
  switch (code & ~8) {
    case Op.ADD_K:
      return `a = a + ${signed} | 0;`;
    case Op.SUB_K:
      return `a = a - ${signed} | 0;`;
    case Op.MUL_K:
      return `a = Math.imul(a, ${signed});`;
    case Op.DIV_K:
      return `${unlessZero}a = (a >>> 0) / ${unsigned} | 0;`;
    case Op.MOD_K:
      return `${unlessZero}a = (a >>> 0) % ${unsigned} | 0;`;
    case Op.OR_K:
      return `a = a | ${signed};`;
    case Op.AND_K:
      return `a = a & ${signed};`;
    case Op.XOR_K:
      return `a = a ^ ${signed};`;
    case Op.LSH_K:
      return byX ? 'a = (x >>> 0) > 31 ? 0 : a << x;' : `a = a << ${k};`;
    case Op.RSH_K:
      return byX ? 'a = (x >>> 0) > 31 ? 0 : a >>> x | 0;' : `a = a >>> ${k} | 0;`;
    default:
      return 'a = -a | 0;';
  }
}
