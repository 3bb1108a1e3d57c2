/** Matrix A, ports and takeover: rows that need no layer 3 and no span port. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { If, ifRecord, PortList } from '../../src/shared/layout/heap.js';
import { A, B, BROADCAST, frame, Rig } from '../support/rig.js';

test('A47 add refuses an unknown name, another veb, and a member of any bridge', async () => {
  const rig = await Rig.bridge(1, 'veb1 create');
  await assert.rejects(rig.ifconfig('veb0 add mem9'), { code: 'EINVAL' });
  await assert.rejects(rig.ifconfig('veb0 add veb1'), { code: 'EPROTONOSUPPORT' });
  await assert.rejects(rig.ifconfig('veb0 add veb0'), { code: 'EPROTONOSUPPORT' });
  await assert.rejects(rig.ifconfig('veb0 add mem0'), { code: 'EBUSY' });
  await assert.rejects(rig.ifconfig('veb1 add mem0'), { code: 'EBUSY' });
});

test('A48 del refuses what is not a port', async () => {
  const rig = await Rig.bridge(1, 'mem7 create', 'veb1 create add mem7');
  await assert.rejects(rig.ifconfig('veb0 del mem9'), { code: 'EINVAL' });
  await assert.rejects(rig.ifconfig('veb0 del mem7'), { code: 'EINVAL' });
});

test('A55 a destroyed interface leaves the veb, its addresses with it', async () => {
  const rig = await Rig.bridge(3);
  rig.send('mem1', frame(BROADCAST, A));
  assert.deepEqual(rig.addresses(), [`${A} mem1`]);
  await rig.ifconfig('mem1 destroy');
  assert.deepEqual(rig.addresses(), []);
  rig.send('mem0', frame(A, B));
  assert.deepEqual(rig.counts('mem2'), [2]);
});

test('A61 ports are listed and flooded in the order of addition', async () => {
  const rig = await Rig.bridge(3, 'mem5 create up', 'veb0 del mem0', 'veb0 add mem5 add mem0');
  const { heap } = rig.router.memory.views;
  const list = heap[ifRecord(rig.router.table.get('veb0').index) + If.PORTS];
  const names = Array.from({ length: heap[list + PortList.COUNT] }, (_, n) =>
    rig.router.table.nameOf(heap[list + PortList.FIRST + n]),
  );
  assert.deepEqual(names, ['mem1', 'mem2', 'mem5', 'mem0']);
});

test('a port that joins another veb brings no address along', async () => {
  const rig = await Rig.bridge(2, 'veb1 create up');
  rig.send('mem0', frame(BROADCAST, A));
  await rig.ifconfig('veb0 del mem0', 'veb1 add mem0');
  assert.deepEqual(rig.addresses(), []);
  rig.send('mem0', frame(BROADCAST, A));
  assert.deepEqual(
    rig.router.vebs.list(rig.router.table.get('veb1')).map((a) => a.mac),
    [A],
  );
});
