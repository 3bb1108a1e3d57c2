/** Reading back what the capture writer streams (main/tcpdump/pcapng-reader.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BlockReader,
  blockType,
  interfaceOf,
  pcapRecord,
  statisticsOf,
} from '../../../../src/main/tcpdump/pcapng-reader.js';
import {
  Block,
  PacketBlock,
  packetBlockBytes,
  pcapngSection,
  pcapngStatistics,
  writePacketBlock,
  writePacketTail,
} from '../../../../src/shared/wire/pcapng.js';

/** A packet block as the writer makes it. */
function packet(bytes: readonly number[], seconds: number, nanoseconds: number, length: number): Buffer {
  const words = new Int32Array(packetBlockBytes(bytes.length) / 4);
  const out = Buffer.from(words.buffer);
  writePacketBlock(words, 0, seconds, nanoseconds, bytes.length, length);
  out.set(bytes, PacketBlock.WORDS * 4);
  writePacketTail(words, PacketBlock.WORDS + Math.ceil(bytes.length / 4), bytes.length, 1);
  return out;
}

const STREAM = Buffer.concat([
  pcapngSection({ linkType: 108, snaplen: 1600, name: 'rport0', filter: 'ip' }, 'test'),
  packet([1, 2, 3, 4, 5], 0x7fffffff, 999_999_999, 1500),
  packet([], 1, 2, 60),
  pcapngStatistics(1000, 2 ** 40 + 7, 3),
]);

for (const piece of [1, 7, 64, STREAM.length]) {
  test(`a stream in pieces of ${piece} bytes is the same blocks`, () => {
    const reader = new BlockReader();
    const blocks: Buffer[] = [];
    for (let at = 0; at < STREAM.length; at += piece) blocks.push(...reader.push(STREAM.subarray(at, at + piece)));
    assert.deepEqual(blocks.map(blockType), [
      Block.SECTION,
      Block.INTERFACE,
      Block.PACKET,
      Block.PACKET,
      Block.STATISTICS,
    ]);
    assert.deepEqual(Buffer.concat(blocks), STREAM);
    const [, head, one, two, last] = blocks as [Buffer, Buffer, Buffer, Buffer, Buffer];
    assert.deepEqual(interfaceOf(head), { linkType: 108, snaplen: 1600 });
    assert.equal(pcapRecord(one).toString('hex'), 'ffffff7fffc99a3b05000000dc0500000102030405');
    assert.equal(pcapRecord(two).toString('hex'), '0100000002000000000000003c000000');
    assert.deepEqual(statisticsOf(last), { received: 2 ** 40 + 7, dropped: 3 });
  });
}

test('what is no pcapng is refused', () => {
  assert.throws(() => [...new BlockReader().push(Buffer.from('HTTP/1.1 200 OK'))], RangeError);
});
