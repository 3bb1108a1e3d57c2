/**
 * A wire that does wrong, as a program: frames of the load test that come on one link leave by another. Of each ten, number 2 is
 * lost, 4 sent twice, 6 changed, and 8 sent after 9.
 * usage: node bad-link.js FROM TO
 */
import { PacketReceiver, PacketSender } from '../../src/shared/sys/packet-socket.js';
import { ETHERTYPE, LONGEST } from '../load/frame.js';

const [from = '', to = ''] = process.argv.slice(2);
const options = { batch: 64, length: LONGEST, ethertype: ETHERTYPE, bufferBytes: 16 << 20, waitMs: 1000 };
const receiver = new PacketReceiver(from, options);
const sender = new PacketSender(to, 1, LONGEST);

function pass(frame: Uint8Array): void {
  sender.frames.set(frame);
  sender.setLength(0, frame.length);
  if (sender.send(1) !== 1) throw new Error(`${to} took no frame`);
}

process.stdout.write('ready\n');
let held = new Uint8Array();
for (let number = 0; ; ) {
  const got = receiver.receive();
  for (let i = 0; i < got; i++, number++) {
    const at = i * receiver.stride;
    const frame = receiver.frames.slice(at, at + receiver.lengthOf(i));
    if (number % 10 === 2) continue;
    if (number % 10 === 6) frame[50] ^= 1;
    if (number % 10 === 8) held = frame;
    else pass(frame);
    if (number % 10 === 4) pass(frame);
    if (number % 10 === 9) pass(held);
  }
}
