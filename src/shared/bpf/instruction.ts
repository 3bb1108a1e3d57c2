/**
 * Classic BPF as libpcap's compiler makes it: an instruction is four words, code, jt, jf and k (McCanne and Jacobson, USENIX 1993).
 *
 * A program is those words one after the other, in any array of numbers. It may be shared memory, and is never changed.
 * `verify` (verify.ts) says whether a program is one; `translate` (translate.ts) makes a function of it; `interpret`
 * (interpret.ts) runs it as it stands. The machine has an accumulator A, an index X and 16 words of memory, all unsigned 32-bit.
 */

/** A program: `INSTRUCTION` words for each instruction. */
export type Program = ArrayLike<number>;

/**
 * What a filter is as a function: given the packet, how many bytes of it to keep, 0 to 2147483647; 0 = not this one. `u8` holds the
 * packet at `at`, of which `length` bytes are there to be looked at; `wireLength` is what the expression calls `len`. It keeps no
 * state between calls, allocates nothing, never throws, and reads nothing outside of `at … at + length - 1`.
 */
export type Filter = (u8: Uint8Array, at: number, length: number, wireLength: number) => number;

/** Words of an instruction. */
export const INSTRUCTION = 4;
/** Most instructions of a program (Linux's BPF_MAXINSNS). */
export const MAX_INSTRUCTIONS = 4096;
/** Words of memory that ST and LD MEM reach. */
export const MEMORY_WORDS = 16;
/** What a filter returns of a larger number, so that the result is always a small integer. */
export const MOST_BYTES = 0x7fffffff;

/** Words of an instruction. */
export const enum Word {
  CODE = 0,
  /** Instructions to skip if the condition holds, and if not. */
  JT = 1,
  JF = 2,
  /** The constant: unsigned, but an Int32Array may hold it as signed. */
  K = 3,
}

/** Every code there is. */
export const enum Op {
  LD_IMM = 0x00,
  LD_W_ABS = 0x20,
  LD_H_ABS = 0x28,
  LD_B_ABS = 0x30,
  LD_W_IND = 0x40,
  LD_H_IND = 0x48,
  LD_B_IND = 0x50,
  LD_MEM = 0x60,
  LD_LEN = 0x80,
  LDX_IMM = 0x01,
  LDX_MEM = 0x61,
  LDX_LEN = 0x81,
  /** X = 4 * (byte k & 15): the length of an IPv4 header. */
  LDX_MSH = 0xb1,
  ST = 0x02,
  STX = 0x03,
  ADD_K = 0x04,
  ADD_X = 0x0c,
  SUB_K = 0x14,
  SUB_X = 0x1c,
  MUL_K = 0x24,
  MUL_X = 0x2c,
  DIV_K = 0x34,
  DIV_X = 0x3c,
  OR_K = 0x44,
  OR_X = 0x4c,
  AND_K = 0x54,
  AND_X = 0x5c,
  LSH_K = 0x64,
  LSH_X = 0x6c,
  RSH_K = 0x74,
  RSH_X = 0x7c,
  NEG = 0x84,
  MOD_K = 0x94,
  MOD_X = 0x9c,
  XOR_K = 0xa4,
  XOR_X = 0xac,
  JA = 0x05,
  JEQ_K = 0x15,
  JEQ_X = 0x1d,
  JGT_K = 0x25,
  JGT_X = 0x2d,
  JGE_K = 0x35,
  JGE_X = 0x3d,
  JSET_K = 0x45,
  JSET_X = 0x4d,
  RET_K = 0x06,
  RET_A = 0x16,
  TAX = 0x07,
  TXA = 0x87,
}

/** Whether `code` is a jump on a condition, with a constant or with X. */
export function isBranch(code: number): boolean {
  return (code & 7) === 5 && code !== Op.JA;
}

/** Number of instructions of `program`. */
export function instructions(program: Program): number {
  return Math.floor(program.length / INSTRUCTION);
}

/**
 * The program in the text that `tcpdump -ddd` prints: a line with the number of instructions, then a line of four decimal numbers
 * for each. Undefined if it is anything else.
 */
export function readProgram(text: string): Uint32Array<ArrayBuffer> | undefined {
  const [first = '', ...lines] = text.trimEnd().split('\n');
  if (!/^\d{1,5}$/.test(first) || Number(first) !== lines.length) return undefined;
  const program = new Uint32Array(lines.length * INSTRUCTION);
  for (const [n, line] of lines.entries()) {
    const numbers = /^(\d{1,5}) (\d{1,3}) (\d{1,3}) (\d{1,10})$/.exec(line);
    if (numbers === null) return undefined;
    program.set(numbers.slice(1).map(Number), n * INSTRUCTION);
  }
  return program;
}
