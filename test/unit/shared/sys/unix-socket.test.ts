import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { peerOf, sendDatagram } from '../../../../src/shared/sys/unix-socket.js';
import { DatagramReceiver } from '../../../support/datagrams.js';
import { temporaryFolder } from '../../../support/programs.js';

const folder = temporaryFolder();

describe('datagrams to a unix socket', () => {
  const path = join(folder, 'notify');
  const receiver = new DatagramReceiver(path);
  after(() => receiver.close());

  it('arrive whole, each by itself', () => {
    sendDatagram(path, 'READY=1\nSTATUS=grüße');
    sendDatagram(path, 'WATCHDOG=1');
    assert.deepEqual(receiver.take(), ['READY=1\nSTATUS=grüße', 'WATCHDOG=1']);
  });

  it('nobody there, a name or a text too long: an error that says so', () => {
    assert.throws(() => sendDatagram(join(folder, 'absent'), 'x'), { code: 'ENOENT' });
    assert.throws(() => sendDatagram('@smrouter-nobody-listens', 'x'), { code: 'ECONNREFUSED' });
    assert.throws(() => sendDatagram(`/${'x'.repeat(108)}`, 'x'), { code: 'EINVAL' });
    assert.throws(() => sendDatagram(path, 'x'.repeat(4097)), { code: 'EMSGSIZE' });
  });
});

describe('the other end of a unix socket', () => {
  it('is this process, its user and its groups', async () => {
    const path = join(folder, 'stream');
    const server = createServer().listen(path);
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    const client = connect(path);
    const [socket] = (await accepted) as [Socket];
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
    const peer = peerOf(fd);
    assert.equal(peer.pid, process.pid);
    assert.equal(peer.uid, process.getuid?.());
    assert.equal(peer.gids[0], process.getgid?.());
    for (const gid of process.getgroups?.() ?? []) assert.ok(peer.gids.includes(gid));
    client.destroy();
    socket.destroy();
    server.close();
  });

  it('a descriptor that is no socket is an error', () => {
    assert.throws(() => peerOf(-1), { code: 'EBADF' });
  });
});
