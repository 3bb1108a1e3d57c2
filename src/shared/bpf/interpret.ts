/**
 * Runs a program instruction by instruction: the plain reading that `translate` is judged by, and what runs a program too long to
 * be translated. Any thread.
 */
import { INSTRUCTION, MEMORY_WORDS, MOST_BYTES, Op, type Program, Word } from './instruction.js';

/** The machine's memory: a program reads only what it may, so it is kept from one run to the next and cleared. */
const memory = new Uint32Array(MEMORY_WORDS);

/** What `program`, which `verify` has passed, says of a packet; arguments and result as those of a `Filter`. */
export function interpret(program: Program, u8: Uint8Array, at: number, length: number, wireLength: number): number {
  let a = 0;
  let x = 0;
  memory.fill(0);
  for (let pc = 0; ; pc++) {
    const word = pc * INSTRUCTION;
    const code = program[word + Word.CODE];
    const k = program[word + Word.K] >>> 0;
    // The operand of arithmetic and of comparisons: bit 3 says whether it is X.
    const operand = (code & 8) === 0 ? k : x;
    let holds = false;
    switch (code) {
      case Op.LD_IMM:
        a = k;
        break;
      case Op.LDX_IMM:
        x = k;
        break;
      case Op.LD_W_ABS:
      case Op.LD_H_ABS:
      case Op.LD_B_ABS:
      case Op.LD_W_IND:
      case Op.LD_H_IND:
      case Op.LD_B_IND: {
        const offset = (code & 0x40) === 0 ? k : k + x;
        const size = (code & 0x18) === 0 ? 4 : (code & 0x18) === 8 ? 2 : 1;
        if (offset + size > length) return 0;
        a = 0;
        for (let n = 0; n < size; n++) a = a * 256 + u8[at + offset + n];
        break;
      }
      case Op.LDX_MSH:
        if (k >= length) return 0;
        x = (u8[at + k] & 15) * 4;
        break;
      case Op.LD_LEN:
        a = wireLength;
        break;
      case Op.LDX_LEN:
        x = wireLength;
        break;
      case Op.LD_MEM:
        a = memory[k];
        break;
      case Op.LDX_MEM:
        x = memory[k];
        break;
      case Op.ST:
        memory[k] = a;
        break;
      case Op.STX:
        memory[k] = x;
        break;
      case Op.ADD_K:
      case Op.ADD_X:
        a = (a + operand) >>> 0;
        break;
      case Op.SUB_K:
      case Op.SUB_X:
        a = (a - operand) >>> 0;
        break;
      case Op.MUL_K:
      case Op.MUL_X:
        a = Math.imul(a, operand) >>> 0;
        break;
      case Op.DIV_K:
      case Op.DIV_X:
        if (operand === 0) return 0;
        a = Math.floor(a / operand);
        break;
      case Op.MOD_K:
      case Op.MOD_X:
        if (operand === 0) return 0;
        a %= operand;
        break;
      case Op.OR_K:
      case Op.OR_X:
        a = (a | operand) >>> 0;
        break;
      case Op.AND_K:
      case Op.AND_X:
        a = (a & operand) >>> 0;
        break;
      case Op.XOR_K:
      case Op.XOR_X:
        a = (a ^ operand) >>> 0;
        break;
      case Op.LSH_K:
      case Op.LSH_X:
        a = operand > 31 ? 0 : (a << operand) >>> 0;
        break;
      case Op.RSH_K:
      case Op.RSH_X:
        a = operand > 31 ? 0 : a >>> operand;
        break;
      case Op.NEG:
        a = -a >>> 0;
        break;
      case Op.TAX:
        x = a;
        break;
      case Op.TXA:
        a = x;
        break;
      case Op.JA:
        pc += k;
        continue;
      case Op.RET_K:
        return Math.min(k, MOST_BYTES);
      case Op.RET_A:
        return Math.min(a, MOST_BYTES);
      case Op.JEQ_K:
      case Op.JEQ_X:
        holds = a === operand;
        break;
      case Op.JGT_K:
      case Op.JGT_X:
        holds = a > operand;
        break;
      case Op.JGE_K:
      case Op.JGE_X:
        holds = a >= operand;
        break;
      case Op.JSET_K:
      case Op.JSET_X:
        holds = (a & operand) !== 0;
        break;
    }
    if ((code & 7) === 5) pc += program[word + (holds ? Word.JT : Word.JF)];
  }
}
