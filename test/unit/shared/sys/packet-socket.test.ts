/**
 * AF_PACKET sockets on the loopback: what is sent is received, and what is not received is counted.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { PacketReceiver, PacketSender } from '../../../../src/shared/sys/packet-socket.js';
import { skipReason } from '../../../support/require.js';

/** Local experimental, the second of two (IEEE 802): load tests use the first. */
const ETHERTYPE = 0x88b6;
const BATCH = 8;

function receiver(t: TestContext, bufferBytes = 1 << 20, length = 1514): PacketReceiver {
  const socket = new PacketReceiver('lo', { batch: BATCH, length, ethertype: ETHERTYPE, bufferBytes, waitMs: 1000 });
  t.after(() => socket.close());
  return socket;
}

/** A sender whose frames carry this process's number, so that another's on the loopback are told apart. */
function sender(t: TestContext, ethertype = ETHERTYPE): PacketSender {
  const socket = new PacketSender('lo', BATCH, 1514);
  t.after(() => socket.close());
  const view = new DataView(socket.frames.buffer, socket.frames.byteOffset);
  for (let n = 0; n < BATCH; n++) {
    view.setUint16(n * socket.stride + 12, ethertype);
    view.setUint32(n * socket.stride + 14, process.pid);
    view.setUint8(n * socket.stride + 18, n);
  }
  return socket;
}

/** `[n, length]` of our frames, until `count` have come or none comes any more. */
function take(socket: PacketReceiver, count: number): [number, number][] {
  const view = new DataView(socket.frames.buffer, socket.frames.byteOffset);
  const came: [number, number][] = [];
  for (let got = socket.receive(); got > 0; got = came.length < count ? socket.receive() : 0)
    for (let i = 0; i < got; i++)
      if (view.getUint32(i * socket.stride + 14) === process.pid)
        came.push([view.getUint8(i * socket.stride + 18), socket.lengthOf(i)]);
  return came;
}

describe('packet sockets', { skip: skipReason.root() }, () => {
  it('frames arrive in order, each of the length it was given; the ones of other types do not', (t) => {
    const from = receiver(t);
    const to = sender(t);
    const lengths = Array.from({ length: BATCH }, (_, n) => 60 + n * 200);
    for (const [n, length] of lengths.entries()) to.setLength(n, length);
    assert.equal(sender(t, 0x88b7).send(BATCH), BATCH);
    assert.equal(to.send(BATCH), BATCH);
    assert.equal(to.send(3), 3);
    const expected = [...lengths.entries()];
    assert.deepEqual(take(from, BATCH + 3), [...expected, ...expected.slice(0, 3)]);
    assert.equal(from.drops(), 0);
  });

  it('a frame longer than was asked for is cut', (t) => {
    const from = receiver(t, 1 << 20, 100);
    const to = sender(t);
    to.setLength(0, 1000);
    to.send(1);
    assert.deepEqual(take(from, 1), [[0, 100]]);
  });

  it('what finds no room in the buffer is counted once', (t) => {
    const from = receiver(t, 4096);
    const to = sender(t);
    for (let n = 0; n < 50; n++) assert.equal(to.send(BATCH), BATCH);
    const dropped = from.drops();
    const came = take(from, 50 * BATCH - dropped).length;
    assert.ok(dropped > 0 && came > 0);
    assert.ok(came + dropped >= 50 * BATCH, `${came} came, ${dropped} dropped`);
    assert.equal(from.drops(), dropped, 'asking does not forget');
  });

  it('a large buffer is granted beyond the limit of the system', (t) => {
    assert.ok(receiver(t, 64 << 20).bufferBytes >= 64 << 20);
  });

  it('a link that is not there', () => {
    assert.throws(() => new PacketSender('smr-absent', 1, 60), { code: 'ENODEV', message: /link smr-absent/ });
  });
});
