/**
 * The bound on frames under way: it holds, moves with what arrives, and is not stuck by what is lost.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { openWindow, WINDOW_BYTES, Window } from '../../load/window.js';

const START = 5e14;
const SECOND = 1e9;

test('no more are under way than told, and as many as arrive may follow', () => {
  const arrived = new Int32Array(1);
  const window = new Window(arrived, 10, START);
  assert.equal(window.room(0, START), 10);
  assert.equal(window.room(7, START), 3);
  assert.equal(window.room(10, START), 0);
  arrived[0] = 4;
  assert.equal(window.room(10, START), 4);
  arrived[0] = 10;
  assert.equal(window.room(10, START), 10);
});

test('what does not arrive is given up when nothing has come for a second, not before', () => {
  const arrived = new Int32Array(1);
  const window = new Window(arrived, 10, START);
  arrived[0] = 5;
  assert.equal(window.room(15, START + 5 * SECOND), 0);
  assert.equal(window.room(15, START + 5.9 * SECOND), 0);
  assert.equal(window.room(15, START + 6.1 * SECOND), 10);
  assert.equal(window.room(25, START + 6.2 * SECOND), 0);
  arrived[0] = 15;
  assert.equal(window.room(25, START + 6.3 * SECOND), 10);
});

test('a pause of the sender is no loss, and what was given up may come late', () => {
  const arrived = new Int32Array(1);
  const window = new Window(arrived, 10, START);
  arrived[0] = 5;
  assert.equal(window.room(5, START + 9 * SECOND), 10);
  assert.equal(window.room(15, START + 9.5 * SECOND), 0);
  assert.equal(window.room(15, START + 10.1 * SECOND), 10);
  arrived[0] = 15;
  assert.equal(window.room(15, START + 10.2 * SECOND), 10);
});

test('counts go round', () => {
  const arrived = new Int32Array([-4]);
  const window = new Window(arrived, 10, START);
  assert.equal(window.room(2 ** 32, START), 6);
});

test('two that open a file see the same count', () => {
  const folder = mkdtempSync(join(tmpdir(), 'smrouter-window-'));
  try {
    const file = join(folder, 'w');
    writeFileSync(file, Buffer.alloc(WINDOW_BYTES));
    const [one, other] = [openWindow(file), openWindow(file)];
    Atomics.store(one, 0, 7);
    assert.equal(Atomics.load(other, 0), 7);
    assert.throws(() => openWindow(join(folder, 'absent')), /ENOENT/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
