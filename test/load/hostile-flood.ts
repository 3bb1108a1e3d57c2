/**
 * Floods a link with frames of which each has another sender, as fast as it goes, for a bounded time; prints what it offered.
 * usage: node hostile-flood.js KIND LINK ROUTER-MAC SECONDS
 *
 * KIND says what is provoked: `macs` learning, `arp` and `nd` answers to unknown neighbours, `no-route` and `ttl` ICMP errors, `fragments`
 * reassembly. The router is 198.19.0.1/16 and fd01::1/64; senders are of those networks.
 */
import { PacketSender } from '../../src/shared/sys/packet-socket.js';

const BATCH = 64;
const LENGTH = 90;
const ETHERNET = 14;
/** Where the sender's last 32 bits stand, and a checksum over them; -1 = there is none. */
interface Kind {
  readonly to: readonly number[];
  readonly bytes: readonly number[];
  readonly sender: number;
  readonly checksum: number;
  /** Where the number of the frame stands, too: of fragments, so that each is of another packet. */
  readonly number?: number;
}

const [kind = '', link = '', router = '', seconds = '1'] = process.argv.slice(2);
const mac = router.split(':').map((group) => Number.parseInt(group, 16));
const ALL = [255, 255, 255, 255, 255, 255];
/** fd01:: and the upper half of the rest. */
const FD01 = [0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

function ipv4(ttl: number, to: readonly number[], fragment = 0): Kind {
  const head = [0x45, 0, 0, 60, 0, 0, fragment >> 8, fragment & 255, ttl, 17, 0, 0, 0, 0, 0, 0, ...to];
  const bytes = [0x08, 0, ...head, 0x40, 1, 0x40, 2, 0, 40, 0, 0];
  return { to: mac, bytes, sender: ETHERNET + 12, checksum: ETHERNET + 10, number: ETHERNET + 4 };
}

/** The one's complement sum of 16-bit words. */
function sum(bytes: readonly number[]): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return total;
}

function solicitation(): { kind: Kind; pseudo: number } {
  const target = [...FD01, 0, 0, 0, 1];
  const source = [...FD01, 0, 0, 0, 0];
  const group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 1];
  const message = [135, 0, 0, 0, 0, 0, 0, 0, ...target, 1, 1, 2, 0, 0, 0, 0, 1];
  const head = [0x60, 0, 0, 0, 0, message.length, 58, 255, ...source, ...group];
  const pseudo = sum([...group, ...source]) + message.length + 58 + sum(message);
  const bytes = [0x86, 0xdd, ...head, ...message];
  return {
    kind: { to: [0x33, 0x33, 0xff, 0, 0, 1], bytes, sender: ETHERNET + 8 + 12, checksum: ETHERNET + 40 + 2 },
    pseudo,
  };
}

const { kind: ask, pseudo } = solicitation();
const KINDS: Readonly<Record<string, Kind>> = {
  macs: { to: [2, 0, 0, 0, 0, 9], bytes: [0x88, 0xb5], sender: 6 + 2, checksum: -1 },
  arp: {
    to: ALL,
    bytes: [8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 198, 19, 0, 1],
    sender: ETHERNET + 14,
    checksum: -1,
  },
  nd: ask,
  'no-route': ipv4(64, [203, 0, 113, 9]),
  ttl: ipv4(1, [198, 18, 0, 2]),
  fragments: ipv4(64, [198, 19, 0, 1], 0x2000),
};
const chosen = KINDS[kind];
if (chosen === undefined) throw new Error(`${kind}: not one of ${Object.keys(KINDS).join(', ')}`);

const sender = new PacketSender(link, BATCH, LENGTH);
const { frames, stride } = sender;
const frame = [...chosen.to, 2, 1, 0, 0, 0, 0, ...chosen.bytes];
for (let n = 0; n < BATCH; n++) {
  frames.set(frame, n * stride);
  sender.setLength(
    n,
    Math.max(60, frame.length, kind === 'no-route' || kind === 'ttl' || kind === 'fragments' ? 74 : 0),
  );
}
const constant = chosen === ask ? pseudo : chosen.checksum === -1 ? 0 : sum(chosen.bytes.slice(2, 22));
const isIp4 = chosen.number !== undefined;

/** Makes frame `i` of the batch the one of sender `n`. */
function change(i: number, n: number): void {
  const at = i * stride;
  // 198.19.x.y, without the router's own; of IPv6 the same as four bytes of the interface identifier.
  const words = [0xc613, 2 + (n % 65_000)] as const;
  put(at + (chosen as Kind).sender, words[0], words[1]);
  // The source MAC tells senders apart as well; a bridge gets to learn 2^32 of them.
  if (kind === 'macs' || kind === 'arp') put(at + 8, n >>> 16, n & 0xffff);
  if (kind === 'arp') put(at + ETHERNET + 10, n >>> 16, n & 0xffff);
  let total = constant + words[0] + words[1];
  if (isIp4) {
    frames[at + ETHERNET + 4] = (n >>> 8) & 255;
    frames[at + ETHERNET + 5] = n & 255;
    total += n & 0xffff;
  }
  if ((chosen as Kind).checksum === -1) return;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  const field = at + (chosen as Kind).checksum;
  frames[field] = (~total >>> 8) & 255;
  frames[field + 1] = ~total & 255;
}

function put(at: number, high: number, low: number): void {
  frames[at] = high >>> 8;
  frames[at + 1] = high & 255;
  frames[at + 2] = low >>> 8;
  frames[at + 3] = low & 255;
}

const start = performance.now();
let sent = 0;
let made = 0;
while (performance.now() - start < Number(seconds) * 1000) {
  for (let i = 0; i < BATCH; i++) change(i, made++);
  sent += sender.send(BATCH);
}
sender.close();
process.stdout.write(`${JSON.stringify({ sent })}\n`);
