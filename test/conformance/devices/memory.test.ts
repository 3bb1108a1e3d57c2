/** Memory ports pass the suite of all devices, and refuse virtio-net headers that lie. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VnetWords } from '../../../src/main/memory/memory-host.js';
import { Drop } from '../../../src/shared/counter/drop-reason.js';
import { A, BROADCAST, frame, Rig } from '../../support/rig.js';
import { type DeviceRig, deviceSuite } from './device-suite.js';

async function memoryRig(): Promise<DeviceRig> {
  const rig = await Rig.bridge(2);
  const ports = ['mem0', 'mem1'] as const;
  return {
    ports,
    ifconfig: (...lines) => rig.ifconfig(...lines),
    send: async (port, bytes, vnet) => rig.host(ports[port]).send(bytes, vnet),
    receive: async (port) => {
      while (rig.router.loop.pollMemoryPorts() !== 0);
      return rig.received(ports[port]);
    },
    counter: (port, word) => rig.counter(ports[port], word),
    bookErrors: () => rig.bookErrors(),
    close: async () => {},
  };
}

deviceSuite('memory', memoryRig);

test('a memory port drops a virtio-net header that lies, at every edge of the lie', async () => {
  const rig = await Rig.bridge(2);
  const [needsCsum, tcp4, udp] = [1, 1 << 8, 5 << 8];
  const at = (start: number, size = 0): number => (start << 16) | size;
  const cases: [VnetWords, boolean][] = [
    [[needsCsum, at(34), 24], true],
    [[needsCsum, at(34), 25], false],
    [[needsCsum, at(14), 0], true],
    [[needsCsum, at(13), 0], false],
    [[needsCsum | (60 << 16), at(34), 0], true],
    [[needsCsum | (61 << 16), at(34), 0], false],
    [[needsCsum | tcp4, at(34, 1), 16], true],
    [[needsCsum | tcp4, at(34, 0), 16], false],
    [[needsCsum | tcp4, at(40, 1), 16], false],
    [[tcp4, at(34, 1), 16], false],
    [[needsCsum | udp, at(51, 1), 6], true],
    [[needsCsum | udp, at(52, 1), 6], false],
    [[needsCsum | (3 << 8), at(34, 1), 16], false],
    [[0x80 << 8, 0, 0], false],
  ];
  for (const [vnet, passes] of cases) {
    const before = rig.drops('mem0', Drop.OFFLOAD);
    rig.send('mem0', frame(BROADCAST, A, { length: 60 }), vnet);
    assert.deepEqual(
      [rig.counts('mem1')[0], rig.drops('mem0', Drop.OFFLOAD) - before],
      passes ? [1, 0] : [0, 1],
      `${vnet}`,
    );
  }
  assert.deepEqual(rig.bookErrors(), []);
});
