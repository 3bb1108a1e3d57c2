/** Matrix A, etherbridge, on a whole bridge; the table alone is in test/unit, its races in test/concurrency. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lane } from '../../src/shared/layout/counters.js';
import { A, B, BROADCAST, C, frame, Rig } from '../support/rig.js';

const PORTS = ['mem0', 'mem1', 'mem2'];

test('A81 group and zero sources teach nothing; the frame goes on', async () => {
  const rig = await Rig.bridge(2);
  rig.send('mem0', frame(BROADCAST, '03:00:00:00:00:01'));
  rig.send('mem0', frame(BROADCAST, '00:00:00:00:00:00'));
  assert.deepEqual(rig.addresses(), []);
  assert.deepEqual(rig.counts('mem1'), [2]);
});

test('A82 a station that moves is followed from its first frame, and counts once', async () => {
  const rig = await Rig.bridge(3);
  rig.send('mem0', frame(BROADCAST, A));
  rig.send('mem1', frame(BROADCAST, A));
  rig.counts(...PORTS);
  rig.send('mem2', frame(A, B));
  assert.deepEqual(rig.counts(...PORTS), [0, 1, 0]);
  assert.deepEqual(rig.addresses(), [`${A} mem1`, `${B} mem2`]);
  assert.equal(rig.counter('veb0', Lane.MOVED), 1);
});

test('the very next frame to a station that was heard is not flooded', async () => {
  const rig = await Rig.bridge(3);
  rig.send('mem0', frame(BROADCAST, A));
  rig.counts(...PORTS);
  rig.send('mem1', frame(A, B));
  assert.deepEqual(rig.counts(...PORTS), [1, 0, 0]);
});

test('A83 a full table takes moves, refuses newcomers, and floods to them', async () => {
  const rig = await Rig.bridge(3, 'veb0 maxaddr 1');
  rig.send('mem0', frame(BROADCAST, A));
  rig.send('mem1', frame(BROADCAST, B));
  assert.deepEqual(rig.addresses(), [`${A} mem0`]);
  assert.equal(rig.counter('veb0', Lane.REFUSED), 1);
  rig.send('mem2', frame(BROADCAST, A));
  assert.deepEqual(rig.addresses(), [`${A} mem2`]);
  rig.counts(...PORTS);
  rig.send('mem0', frame(B, A));
  assert.deepEqual(rig.counts(...PORTS), [0, 1, 1]);
});

test('A84 limits and defaults of size and age', async () => {
  const rig = await Rig.bridge(0);
  for (const bad of ['maxaddr 0', 'maxaddr 1048577', 'timeout 7', 'timeout 3601']) {
    await assert.rejects(rig.ifconfig(`veb0 ${bad}`), { code: 'EINVAL' }, bad);
  }
  await rig.ifconfig('veb0 timeout 8', 'veb0 timeout 3600', 'veb0 maxaddr 1', 'veb0 maxaddr 100000');
});

test('A85 an entry is used at 240 seconds, missed at 241, and revived by its station', async () => {
  const rig = await Rig.bridge(3);
  rig.at(1000);
  rig.send('mem0', frame(BROADCAST, A));
  rig.counts(...PORTS);
  rig.at(1240);
  rig.send('mem1', frame(A, B));
  assert.deepEqual(rig.counts(...PORTS), [1, 0, 0]);
  rig.at(1241);
  rig.send('mem1', frame(A, B));
  assert.deepEqual(rig.counts(...PORTS), [1, 0, 1]);
  rig.send('mem0', frame(BROADCAST, A));
  rig.counts(...PORTS);
  rig.send('mem1', frame(A, B));
  assert.deepEqual(rig.counts(...PORTS), [1, 0, 0]);
});

test('A86 a sweep removes what was last seen the timeout ago or more', async () => {
  const rig = await Rig.bridge(2);
  const veb = rig.router.table.get('veb0');
  rig.at(1000);
  rig.send('mem0', frame(BROADCAST, A));
  rig.at(1239);
  assert.equal(rig.router.vebs.sweep(veb), 0);
  rig.at(1240);
  assert.equal(rig.router.vebs.sweep(veb), 1);
  assert.deepEqual(rig.addresses(), []);
});

test('A86 an expired entry never blocks a newcomer', async () => {
  const rig = await Rig.bridge(2, 'veb0 maxaddr 2 timeout 8');
  rig.at(100);
  rig.send('mem0', frame(BROADCAST, A));
  rig.send('mem0', frame(BROADCAST, B));
  rig.at(109);
  rig.send('mem1', frame(BROADCAST, C));
  assert.ok(rig.addresses().includes(`${C} mem1`));
});

test('A87 a smaller size evicts nothing', async () => {
  const rig = await Rig.bridge(2);
  for (let n = 1; n <= 50; n++) rig.send('mem0', frame(BROADCAST, `02:00:00:00:01:${n.toString(16).padStart(2, '0')}`));
  await rig.ifconfig('veb0 maxaddr 10');
  assert.equal(rig.addresses().length, 50);
  await rig.ifconfig('veb0 maxaddr 5000');
  assert.equal(rig.addresses().length, 50);
});

test('A88 a static address does not age or move, and its station is still forwarded from elsewhere', async () => {
  const rig = await Rig.bridge(3, `veb0 static mem0 ${A}`);
  rig.at(5000);
  rig.send('mem1', frame(BROADCAST, A));
  assert.deepEqual(rig.counts(...PORTS), [1, 0, 1]);
  rig.router.vebs.sweep(rig.router.table.get('veb0'));
  assert.deepEqual(rig.addresses(), [`${A} mem0`]);
});

test('A89 flush keeps static addresses, flushall removes all, deleting the port removes its own', async () => {
  const rig = await Rig.bridge(3, `veb0 static mem0 ${A}`, `veb0 static mem1 ${B}`);
  const veb = rig.router.table.get('veb0');
  rig.send('mem2', frame(BROADCAST, C));
  rig.router.vebs.flush(veb, false);
  assert.deepEqual(rig.addresses(), [`${A} mem0`, `${B} mem1`]);
  await rig.ifconfig('veb0 del mem1');
  assert.deepEqual(rig.addresses(), [`${A} mem0`]);
  rig.router.vebs.flush(veb, true);
  assert.deepEqual(rig.addresses(), []);
});

test('A90 static: no group address; a dynamic entry is replaced, a static one of another port is not', async () => {
  const rig = await Rig.bridge(2);
  await assert.rejects(rig.ifconfig('veb0 static mem0 01:00:5e:00:00:01'), { code: 'EADDRNOTAVAIL' });
  await assert.rejects(rig.ifconfig('veb0 static mem0 00:00:00:00:00:00'), { code: 'EADDRNOTAVAIL' });
  rig.send('mem1', frame(BROADCAST, A));
  await rig.ifconfig(`veb0 static mem0 ${A}`);
  assert.deepEqual(rig.addresses(), [`${A} mem0`]);
  await rig.ifconfig(`veb0 static mem0 ${A}`);
  await assert.rejects(rig.ifconfig(`veb0 static mem1 ${A}`), { code: 'EADDRINUSE' });
});

test('A91 a table of N takes N static addresses', async () => {
  const rig = await Rig.bridge(1, 'veb0 maxaddr 3');
  for (const mac of [A, B, C]) await rig.ifconfig(`veb0 static mem0 ${mac}`);
  await assert.rejects(rig.ifconfig('veb0 static mem0 02:00:00:00:00:0d'), { code: 'ENOSPC' });
});

test('A92 the listing ascends by address; ages stop at 255, static ones are 0', async () => {
  const rig = await Rig.bridge(2, 'veb0 timeout 3600', `veb0 static mem1 ${B}`);
  rig.at(1000);
  for (const mac of [C, A, '00:ff:00:00:00:01']) rig.send('mem0', frame(BROADCAST, mac));
  rig.at(2000);
  const listed = rig.router.vebs.list(rig.router.table.get('veb0'));
  assert.deepEqual(
    listed.map((a) => a.mac),
    ['00:ff:00:00:00:01', A, B, C],
  );
  assert.deepEqual(
    listed.map((a) => a.age),
    [255, 255, 0, 255],
  );
});

test('A94 the steady state writes nothing to the table', async () => {
  const rig = await Rig.bridge(2);
  rig.send('mem0', frame(BROADCAST, A));
  rig.send('mem1', frame(A, B));
  const { heap } = rig.router.memory.views;
  const before = heap.slice();
  rig.send('mem0', frame(B, A));
  rig.send('mem1', frame(A, B));
  const changed = heap.findIndex((word, i) => word !== before[i]);
  assert.equal(changed, -1);
});
