/**
 * Which BPF programs may run (shared/bpf/verify.ts), and reading what `tcpdump -ddd` prints.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INSTRUCTION, MAX_INSTRUCTIONS, Op, readProgram } from '../../../../src/shared/bpf/instruction.js';
import { verify } from '../../../../src/shared/bpf/verify.js';

const RET = [Op.RET_K, 0, 0, 1];
/** What is wrong with the instruction, followed by a return. */
const fault = (...instruction: number[]): string | undefined => verify([...instruction, ...RET]);

test('a program has instructions, whole ones, not too many, and ends in a return', () => {
  assert.match(verify([]) ?? '', /no instructions/);
  assert.match(verify([Op.RET_K, 0, 0]) ?? '', /not whole/);
  assert.match(verify([...RET, Op.LD_IMM, 0, 0, 1]) ?? '', /does not return/);
  const most = Array.from({ length: MAX_INSTRUCTIONS }, () => RET).flat();
  assert.equal(verify(most), undefined);
  assert.match(verify([...most, ...RET]) ?? '', /4097 instructions/);
  assert.equal(verify([Op.RET_A, 0, 0, 0]), undefined);
});

test('jumps end inside the program', () => {
  assert.equal(fault(Op.JEQ_K, 0, 0, 1), undefined);
  assert.match(fault(Op.JEQ_K, 1, 0, 1) ?? '', /instruction 0: jumps out/);
  assert.match(fault(Op.JEQ_X, 0, 1, 1) ?? '', /jumps out/);
  assert.equal(fault(Op.JA, 0, 0, 0), undefined);
  assert.match(fault(Op.JA, 0, 0, 1) ?? '', /jumps out/);
  assert.match(fault(Op.JA, 0, 0, 0xffffffff) ?? '', /jumps out/);
  assert.match(fault(Op.JA, 0, 0, -1) ?? '', /jumps out/);
  assert.match(fault(Op.JGT_K, -1, 0, 0) ?? '', /jumps out/);
});

test('codes are known, memory is there, constants are sound', () => {
  for (const code of [0x08, 0x8c, 0x0e, 0xb4, 0xff, 0x10000, -1]) assert.match(fault(code, 0, 0, 0) ?? '', /unknown/);
  for (const code of [Op.ST, Op.STX, Op.LD_MEM, Op.LDX_MEM]) {
    assert.equal(fault(code, 0, 0, 15), undefined);
    assert.match(fault(code, 0, 0, 16) ?? '', /no memory word 16/);
    assert.match(fault(code, 0, 0, -1) ?? '', /no memory word/);
  }
  assert.match(fault(Op.DIV_K, 0, 0, 0) ?? '', /divides by zero/);
  assert.match(fault(Op.MOD_K, 0, 0, 0) ?? '', /divides by zero/);
  assert.equal(fault(Op.DIV_X, 0, 0, 0), undefined);
  assert.equal(fault(Op.LSH_K, 0, 0, 31), undefined);
  assert.match(fault(Op.LSH_K, 0, 0, 32) ?? '', /shifts by 32/);
  assert.match(fault(Op.RSH_K, 0, 0, 99) ?? '', /shifts by 99/);
});

test("the Linux kernel's own data of a packet is not to be had", () => {
  assert.match(fault(Op.LD_H_ABS, 0, 0, 0xfffff004) ?? '', /only the Linux kernel/);
  assert.match(fault(Op.LD_B_ABS, 0, 0, 0xffe00000) ?? '', /only the Linux kernel/);
});

test('the text of tcpdump -ddd', () => {
  assert.deepEqual(readProgram('2\n40 0 0 12\n6 0 0 4294967295\n'), Uint32Array.of(40, 0, 0, 12, 6, 0, 0, 0xffffffff));
  for (const text of [
    '',
    'x',
    '1\n',
    '2\n6 0 0 1\n',
    '1\n6 0 0\n',
    '1\n6 0 0 -1\n',
    '1\n6 0 0 1\n6 0 0 1\n',
    '1\n(000) ret #1',
  ]) {
    assert.equal(readProgram(text), undefined, text);
  }
  assert.equal(readProgram('1\n6 0 0 1')?.length, INSTRUCTION);
});
