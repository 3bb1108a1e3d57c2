/**
 * BPF programs as functions: each instruction by literal programs, then random ones, by what the interpreter says
 * (shared/bpf/translate.ts, interpret.ts).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Filter, INSTRUCTION, MAX_INSTRUCTIONS, Op } from '../../../../src/shared/bpf/instruction.js';
import { interpret } from '../../../../src/shared/bpf/interpret.js';
import { translate } from '../../../../src/shared/bpf/translate.js';
import { verify } from '../../../../src/shared/bpf/verify.js';
import { randomProgram } from '../../../support/bpf-programs.js';
import { withSeed } from '../../../support/stress.js';

type Instruction = readonly [code: number, k?: number, jt?: number, jf?: number];

const program = (...list: Instruction[]): Uint32Array => {
  const words = list.flatMap(([code, k = 0, jt = 0, jf = 0]) => [code, jt, jf, k]);
  return Uint32Array.from(words);
};
const PACKET = Uint8Array.from([0x45, 0x80, 0xff, 0x01, 0xfe, 0x02, 0x03]);
/** Both ways to run a program, on the packet in the middle of other bytes. */
function run(words: Uint32Array, wireLength = 1500, packet = PACKET): number {
  const u8 = new Uint8Array(packet.length + 64).fill(0xee);
  u8.set(packet, 33);
  const result = translate(words)(u8, 33, packet.length, wireLength);
  assert.equal(interpret(words, u8, 33, packet.length, wireLength), result, 'the interpreter says otherwise');
  return result;
}
/** What is in A after `list`. */
const a = (...list: Instruction[]): number => run(program(...list, [Op.RET_A]));

test('loads: size, order of bytes, unsigned', () => {
  assert.equal(a([Op.LD_B_ABS, 2]), 0xff);
  assert.equal(a([Op.LD_H_ABS, 1]), 0x80ff);
  assert.equal(a([Op.LD_W_ABS, 0]), 0x4580ff01);
  assert.equal(a([Op.LD_W_ABS, 1], [Op.RSH_K, 4]), 0x080ff01f | 0);
  assert.equal(a([Op.LDX_IMM, 2], [Op.LD_H_IND, 1]), 0x01fe);
  assert.equal(a([Op.LDX_MSH, 0], [Op.TXA]), 20);
  assert.equal(a([Op.LD_LEN]), 1500);
  assert.equal(a([Op.LDX_LEN], [Op.TXA]), 1500);
});

test('a load that ends where the packet ends is in it, one byte on is not: the packet is rejected', () => {
  for (const [load, size] of [
    [Op.LD_W_ABS, 4],
    [Op.LD_H_ABS, 2],
    [Op.LD_B_ABS, 1],
  ] as const) {
    assert.equal(run(program([load, 7 - size], [Op.RET_K, 9])), 9);
    assert.equal(run(program([load, 8 - size], [Op.RET_K, 9])), 0);
  }
  for (const [load, size] of [
    [Op.LD_W_IND, 4],
    [Op.LD_H_IND, 2],
    [Op.LD_B_IND, 1],
  ] as const) {
    assert.equal(run(program([Op.LDX_IMM, 3], [load, 4 - size], [Op.RET_K, 9])), 9);
    assert.equal(run(program([Op.LDX_IMM, 4], [load, 4 - size], [Op.RET_K, 9])), 0);
    // The sum does not wrap round into the packet.
    assert.equal(run(program([Op.LDX_IMM, 0xffffffff], [load, 2], [Op.RET_K, 9])), 0);
  }
  assert.equal(run(program([Op.LDX_MSH, 6], [Op.RET_K, 9])), 9);
  assert.equal(run(program([Op.LDX_MSH, 7], [Op.RET_K, 9])), 0);
  assert.equal(run(program([Op.LD_B_ABS, 0], [Op.RET_K, 9]), 1500, new Uint8Array(0)), 0);
});

test('arithmetic is of unsigned 32-bit numbers', () => {
  const half = (...list: Instruction[]): number => a(...list, [Op.RSH_K, 1]);
  assert.equal(half([Op.LD_IMM, 0xffffffff], [Op.ADD_K, 3]), 1);
  assert.equal(half([Op.LD_IMM, 1], [Op.SUB_K, 2]), 0x7fffffff);
  assert.equal(half([Op.LD_IMM, 0x10001], [Op.MUL_K, 0xffffffff]), 0x7fff7fff);
  assert.equal(a([Op.LD_IMM, 0xfffffffe], [Op.DIV_K, 3]), 0x55555554);
  assert.equal(a([Op.LD_IMM, 0xfffffffe], [Op.MOD_K, 7]), 0xfffffffe % 7);
  assert.equal(half([Op.LD_IMM, 1], [Op.NEG]), 0x7fffffff);
  assert.equal(a([Op.LD_IMM, 0x80000000], [Op.RSH_K, 31]), 1);
  assert.equal(half([Op.LD_IMM, 3], [Op.LSH_K, 31]), 0x40000000);
  assert.equal(a([Op.LD_IMM, 6], [Op.LDX_IMM, 3], [Op.AND_X]), 2);
  assert.equal(a([Op.LD_IMM, 6], [Op.LDX_IMM, 3], [Op.OR_X]), 7);
  assert.equal(a([Op.LD_IMM, 6], [Op.LDX_IMM, 3], [Op.XOR_X]), 5);
});

test('shifts by X of 32 and more give 0; division by an X of 0 rejects', () => {
  for (const by of [32, 33, 0x80000000, 0xffffffff]) {
    assert.equal(a([Op.LD_IMM, 7], [Op.LDX_IMM, by], [Op.LSH_X]), 0);
    assert.equal(a([Op.LD_IMM, 7], [Op.LDX_IMM, by], [Op.RSH_X]), 0);
  }
  assert.equal(run(program([Op.LD_IMM, 7], [Op.DIV_X], [Op.RET_K, 9])), 0);
  assert.equal(run(program([Op.LD_IMM, 7], [Op.MOD_X], [Op.RET_K, 9])), 0);
});

test('comparisons are unsigned', () => {
  const holds = (code: Op, left: number, right: number): boolean => {
    const list: Instruction[] = [
      [Op.LD_IMM, left],
      [Op.LDX_IMM, right],
      [code, right, 0, 1],
      [Op.RET_K, 1],
      [Op.RET_K, 0],
    ];
    const other: Instruction[] = [
      [Op.LD_IMM, left],
      [Op.LDX_IMM, right],
      [code, right, 1, 0],
      [Op.RET_K, 0],
      [Op.RET_K, 1],
    ];
    assert.equal(run(program(...list)), run(program(...other)));
    return run(program(...list)) === 1;
  };
  for (const x of [0, Op.JEQ_X - Op.JEQ_K]) {
    assert.ok(holds(Op.JGT_K + x, 0x80000000, 1) && !holds(Op.JGT_K + x, 1, 0xffffffff) && !holds(Op.JGT_K + x, 5, 5));
    assert.ok(holds(Op.JGE_K + x, 0xffffffff, 0x7fffffff) && holds(Op.JGE_K + x, 5, 5) && !holds(Op.JGE_K + x, 4, 5));
    assert.ok(holds(Op.JEQ_K + x, 0xffffffff, 0xffffffff) && !holds(Op.JEQ_K + x, 1, 2));
    assert.ok(holds(Op.JSET_K + x, 0x80000000, 0xc0000000) && !holds(Op.JSET_K + x, 1, 2));
  }
});

test('memory begins as zero in each run, and is each word its own', () => {
  assert.equal(a([Op.LD_MEM, 15]), 0);
  const list: Instruction[] = [
    [Op.LD_IMM, 5],
    [Op.ST, 0],
    [Op.LDX_IMM, 6],
    [Op.STX, 15],
    [Op.LD_IMM, 0],
    [Op.LDX_MEM, 0],
  ];
  assert.equal(a(...list, [Op.LD_MEM, 15], [Op.MUL_X]), 30);
  assert.equal(a([Op.LD_MEM, 0], [Op.ADD_K, 1], [Op.ST, 0]), 1);
});

test('what is returned is a small integer: larger numbers are as many bytes as there can be', () => {
  assert.equal(run(program([Op.RET_K, 0xffffffff])), 0x7fffffff);
  assert.equal(a([Op.LD_IMM, 0x80000000]), 0x7fffffff);
});

test('a program that verify refuses is not translated', () => {
  assert.throws(() => translate(program([Op.LD_IMM, 1])), /BPF program: the last instruction does not return/);
});

test('a program of the greatest length is run, however its jumps cross', () => {
  const words = new Uint32Array(MAX_INSTRUCTIONS * INSTRUCTION);
  for (let pc = 0; pc < MAX_INSTRUCTIONS - 1; pc++) {
    const left = MAX_INSTRUCTIONS - 2 - pc;
    if (pc % 2 === 0) words.set([Op.JEQ_K, Math.min(left, 255), Math.min(left, 1), 77], pc * INSTRUCTION);
    else words.set([Op.ADD_K, 0, 0, 1], pc * INSTRUCTION);
  }
  words.set([Op.RET_A, 0, 0, 0], (MAX_INSTRUCTIONS - 1) * INSTRUCTION);
  assert.equal(verify(words), undefined);
  run(words);
});

test('random programs on random packets: the function and the interpreter agree, and neither sees beyond the packet', () =>
  withSeed((random) => {
    const around = new Uint8Array(256);
    const other = new Uint8Array(256);
    const kept = new Set<number>();
    for (let round = 0; round < 1500; round++) {
      const words = randomProgram(random, 1 + (round % 60));
      assert.equal(verify(words), undefined, [...words].join(' '));
      const filter: Filter = translate(words);
      for (let n = 0; n < 20; n++) {
        const [at, length, wireLength] = [random(64), random(4) === 0 ? random(8) : random(128), random(9000)];
        for (let i = 0; i < around.length; i++) {
          around[i] = random(3) === 0 ? random(256) : random(4);
          other[i] = i >= at && i < at + length ? around[i] : random(256);
        }
        const result = filter(around, at, length, wireLength);
        const where = (): string =>
          `${[...words].join(' ')} on ${Buffer.from(around.subarray(at, at + length)).toString('hex')}`;
        assert.ok(Number.isInteger(result) && result >= 0 && result <= 0x7fffffff, where());
        if (interpret(words, around, at, length, wireLength) !== result) assert.fail(where());
        if (filter(other, at, length, wireLength) !== result) assert.fail(`looks beyond: ${where()}`);
        kept.add(result);
      }
    }
    assert.ok(kept.size > 100, 'the programs say too little');
  }));
