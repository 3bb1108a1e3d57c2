/** Sockets, programs and questions of attached interfaces on a veth pair of this namespace (shared/sys: packet-ring, xdp, ebpf, link). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { createXskMap, dropIngress, redirectIngress, setXskMap } from '../../../../src/shared/sys/ebpf.js';
import { close, fixedBuffer, viewAt } from '../../../../src/shared/sys/libc.js';
import { type LinkInfo, linkByName, linkDriver, linkQueues } from '../../../../src/shared/sys/link.js';
import {
  closePacketQueues,
  listenPacket,
  openPacketQueues,
  openPromiscuous,
  PACKET_RING_BYTES,
  PacketRing,
  packetDrops,
  Tpacket,
} from '../../../../src/shared/sys/packet-ring.js';
import { PacketSender } from '../../../../src/shared/sys/packet-socket.js';
import { closeXdpQueue, openXdpQueue, xdpStatistics } from '../../../../src/shared/sys/xdp.js';
import { uniqueLinkName } from '../../../support/netns.js';
import { quietLink } from '../../../support/quiet-link.js';
import { skipReason } from '../../../support/require.js';

const CHUNKS = 64;
const CHUNK = 2048;

describe('attached interfaces, as the kernel has them', { skip: skipReason.root() }, () => {
  const [name, peer] = [uniqueLinkName(), uniqueLinkName()];
  let link: LinkInfo;
  const base = fixedBuffer((CHUNKS + 2) * CHUNK).address;
  const umem = { memory: Math.ceil(base / 4096) * 4096, bytes: CHUNKS * CHUNK, chunk: CHUNK };

  const show = (): { promiscuity: number; xdp?: unknown } =>
    JSON.parse(execFileSync('ip', ['-d', '-j', 'link', 'show', name], { encoding: 'utf8' }))[0];

  before(() => {
    execFileSync('ip', [
      'link',
      'add',
      name,
      'numrxqueues',
      '2',
      'numtxqueues',
      '2',
      'type',
      'veth',
      'peer',
      'name',
      peer,
    ]);
    for (const end of [name, peer]) {
      quietLink(end);
      execFileSync('ip', ['link', 'set', end, 'up']);
    }
    link = linkByName(name) as LinkInfo;
  });
  after(() => void execFileSync('ip', ['link', 'del', name]));

  /** Sends `count` frames into the pair's other end, of as many stations. */
  function send(count: number): void {
    const sender = new PacketSender(peer, 1, 60);
    for (let n = 0; n < count; n++) {
      sender.frames.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, n >> 8, n & 255, 0x88, 0xb5]);
      assert.equal(sender.send(1), 1);
    }
    sender.close();
  }

  it('says what a link is', () => {
    assert.deepEqual([link.ethernet, link.carrier, link.up], [true, true, true]);
    assert.equal(linkByName('lo')?.ethernet, false);
    assert.equal(linkQueues(name), 2);
    assert.equal(linkQueues('lo'), 1);
    assert.equal(linkDriver(name), 'veth');
    assert.equal(linkDriver('smr-absent'), '');
    execFileSync('ip', ['link', 'set', peer, 'down']);
    assert.equal(linkByName(name)?.carrier, false);
    execFileSync('ip', ['link', 'set', peer, 'up']);
    assert.equal(linkByName(name)?.carrier, true);
  });

  it('sockets of one interface share its frames, hear nothing before they are told, and are promiscuous while open', () => {
    const queues = openPacketQueues(name, link.index, 2);
    assert.equal(show().promiscuity, 2);
    const received = (): number[] =>
      queues.map(({ address }) => {
        const words = new Int32Array(viewAt(address, PACKET_RING_BYTES));
        let n = 0;
        for (let at = 0; at < PacketRing.RX_FRAMES; at++)
          n += (words[((at * PacketRing.STRIDE) >> 2) + Tpacket.STATUS] as number) & 1;
        return n;
      });
    send(20);
    assert.deepEqual(received(), [0, 0]);
    queues.forEach(listenPacket);
    send(100);
    const [first = 0, second = 0] = received();
    assert.equal(first + second, 100);
    closePacketQueues(queues);
    assert.equal(show().promiscuity, 0);
  });

  it('what finds no room in a ring is counted', () => {
    const queues = openPacketQueues(name, link.index, 1);
    queues.forEach(listenPacket);
    send(PacketRing.RX_FRAMES + 45);
    assert.equal(packetDrops((queues[0] as { fd: number }).fd), 45);
    assert.equal(packetDrops((queues[0] as { fd: number }).fd), 0);
    closePacketQueues(queues);
  });

  it('an interface that is not there is refused, and nothing stays open', () => {
    assert.throws(() => openPacketQueues('smr-absent', 0x7fff_fff0, 1), { code: 'ENODEV' });
    assert.throws(() => dropIngress('smr-absent', 0x7fff_fff0), /smr-absent/);
    assert.throws(() => openPromiscuous('smr-absent', 0x7fff_fff0), /promiscuous/);
    assert.throws(() => openXdpQueue('smr-absent', 0x7fff_fff0, 0, umem, false), { code: 'ENODEV' });
  });

  it('a queue has one AF_XDP socket; the second is told whose it is', () => {
    const map = createXskMap(2);
    const queue = openXdpQueue(name, link.index, 1, umem, false);
    setXskMap(map, 1, queue.fd);
    assert.equal(queue.zeroCopy, false);
    assert.throws(() => openXdpQueue(name, link.index, 1, umem, false), /queue 1.*ss --xdp/);
    assert.throws(() => openXdpQueue(name, link.index, 7, umem, false), { code: 'EINVAL' });
    assert.deepEqual(xdpStatistics(queue.fd), { missed: 0, wrong: 0 });
    closeXdpQueue(queue);
    closeXdpQueue(openXdpQueue(name, link.index, 1, umem, false));
    close(map);
  });

  it('an XDP program goes with its link; a second is refused with the remedy', () => {
    const map = createXskMap(2);
    const { link: program, mode } = redirectIngress(name, link.index, map, false, ['driver', 'generic']);
    assert.equal(mode, 'driver');
    assert.ok(show().xdp !== undefined);
    assert.throws(() => redirectIngress(name, link.index, map, false, ['driver', 'generic']), {
      code: 'EBUSY',
      message: /ip link set dev .* xdp off/,
    });
    close(program);
    assert.equal(show().xdp, undefined);
    const generic = redirectIngress(name, link.index, map, true, ['generic']);
    assert.equal(generic.mode, 'generic');
    close(generic.link);
    close(map);
  });

  it('memory that is no whole chunk, or not on a page, is refused', () => {
    assert.throws(() => openXdpQueue(name, link.index, 0, { ...umem, memory: umem.memory + 1 }, false), /memory/);
    assert.throws(() => openXdpQueue(name, link.index, 0, { ...umem, chunk: 1000 }, false), { code: 'EINVAL' });
  });
});
