/**
 * AF_PACKET sockets (packet(7)) for generating load: many copies of prepared frames in one sendmmsg(2) call, past the
 * queueing discipline. Any thread; the load generator's process.
 */
import { throwErrno } from './errno.js';
import { addressOf, bind, close, sendmmsg, setsockopt, socket } from './libc.js';
import { linkByName } from './link.js';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_PACKET = 263;
const PACKET_QDISC_BYPASS = 20;
/** struct sockaddr_ll. */
const SOCKADDR_LL = 20;
/** struct mmsghdr on 64-bit Linux: struct msghdr (56 bytes), then a count. */
const MMSGHDR = 64;
const IOVEC = 16;

/** A socket and a batch of frames that one call sends. */
export class PacketSender {
  /** Frame n begins at `n * stride`; the caller may change it between calls. */
  readonly frames: Uint8Array;
  readonly stride: number;
  private readonly fd: number;
  private readonly messages: number;
  private readonly keep: SharedArrayBuffer;

  /** Sends on link `name`; `batch` frames of `length` bytes each. Throws SysError, ENODEV when there is no such link. */
  constructor(name: string, batch: number, length: number) {
    const link = linkByName(name);
    if (link === undefined) throw new Error(`${name}: no such link`);
    this.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (this.fd === -1) throwErrno('packet socket', { EPERM: 'run as root or with CAP_NET_RAW' });
    this.stride = (length + 63) & ~63;
    const headers = batch * (MMSGHDR + IOVEC) + 64;
    this.keep = new SharedArrayBuffer(headers + batch * this.stride);
    const bytes = new Uint8Array(this.keep);
    const view = new DataView(this.keep);
    const base = addressOf(bytes);
    this.frames = bytes.subarray(headers);
    this.messages = base;
    for (let n = 0; n < batch; n++) {
      const iovec = batch * MMSGHDR + n * IOVEC;
      view.setBigUint64(iovec, BigInt(base + headers + n * this.stride), true);
      view.setBigUint64(iovec + 8, BigInt(length), true);
      view.setBigUint64(n * MMSGHDR + 16, BigInt(base + iovec), true);
      view.setBigUint64(n * MMSGHDR + 24, 1n, true);
    }
    const scratch = headers - 64;
    view.setInt32(scratch, 1, true);
    setsockopt(this.fd, SOL_PACKET, PACKET_QDISC_BYPASS, base + scratch, 4);
    bytes.fill(0, scratch, scratch + SOCKADDR_LL);
    view.setUint16(scratch, AF_PACKET, true);
    view.setInt32(scratch + 4, link.index, true);
    if (bind(this.fd, base + scratch, SOCKADDR_LL) === -1) throwErrno(`bind to ${name}`);
  }

  /** Sends the first `count` frames. Returns how many the kernel took; 0 when its queue is full or the link is down. */
  send(count: number): number {
    return Math.max(0, sendmmsg(this.fd, this.messages, count, 0));
  }

  /** Closes the socket. */
  close(): void {
    close(this.fd);
  }
}
