/**
 * Floods a link with one small frame, as fast as it goes or at a given rate, for a bounded time; prints what it offered.
 * usage: node flood.js LINK DST SRC SECONDS [FRAMES_PER_SECOND] [LENGTH]
 */

import { PacketSender } from '../../src/shared/sys/packet-socket.js';
import { formatMac, type Mac, parseMac } from '../../src/shared/wire/ethernet.js';

const BATCH = 64;
/** Local experimental (IEEE 802): a host that gets it drops it at once. */
const ETHERTYPE = [0x88, 0xb5];

function macBytes(text: string): number[] {
  const mac = parseMac(text);
  if (mac === undefined) throw new Error(`${text}: not a MAC address`);
  return formatMac(mac as Mac)
    .split(':')
    .map((group) => Number.parseInt(group, 16));
}

const [link = '', dst = '', src = '', seconds = '1', rate = '0', length = '60'] = process.argv.slice(2);
const sender = new PacketSender(link, BATCH, Number(length));
const frame = [...macBytes(dst), ...macBytes(src), ...ETHERTYPE];
for (let n = 0; n < BATCH; n++) sender.frames.set(frame, n * sender.stride);
/** Nobody wakes who waits for it: how a paced flood sleeps. */
const never = new Int32Array(new SharedArrayBuffer(4));
const start = performance.now();
const until = start + Number(seconds) * 1000;
let sent = 0;
let calls = 0;
for (let now = start; now < until; now = performance.now()) {
  if (Number(rate) > 0 && sent >= ((now - start) / 1000) * Number(rate)) {
    Atomics.wait(never, 0, 0, 1);
    continue;
  }
  sent += sender.send(BATCH);
  calls++;
}
sender.close();
process.stdout.write(`${JSON.stringify({ sent, calls, seconds: (performance.now() - start) / 1000 })}\n`);
