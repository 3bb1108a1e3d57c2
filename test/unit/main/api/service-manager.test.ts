import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServiceManager } from '../../../../src/main/api/service-manager.js';
import { sendDatagram } from '../../../../src/shared/sys/unix-socket.js';
import { DatagramReceiver } from '../../../support/datagrams.js';
import { temporaryFolder, until } from '../../../support/programs.js';

test('what finds no room in the socket of the service manager is told later, in order; a heartbeat is not', async () => {
  const socket = join(temporaryFolder(), 'notify');
  const receiver = new DatagramReceiver(socket);
  const failures: unknown[] = [];
  const manager = new ServiceManager({ NOTIFY_SOCKET: socket, WATCHDOG_USEC: '20000' }, (error) =>
    failures.push(error),
  );
  try {
    assert.throws(
      () => {
        for (;;) sendDatagram(socket, 'full');
      },
      { code: 'EAGAIN' },
    );
    manager.ready('forwarding');
    manager.reloading();
    manager.ready('forwarding');
    const told: string[] = [];
    await until('all told', 5000, () => {
      told.push(...receiver.take());
      return told.some((text) => text === 'WATCHDOG=1');
    });
    const messages = told.filter((text) => text !== 'full').map((text) => text.split('=', 1)[0]);
    assert.deepEqual(messages.slice(0, 4), ['READY', 'RELOADING', 'READY', 'WATCHDOG']);
    assert.deepEqual(failures, []);
  } finally {
    manager.close();
    receiver.close();
  }
});
