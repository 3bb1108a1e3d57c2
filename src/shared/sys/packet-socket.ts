/**
 * AF_PACKET sockets (packet(7)) for load tests: many prepared frames sent past the queueing discipline by one sendmmsg(2)
 * call, and many received by one recvmmsg(2). Any thread; the processes of the load generator.
 */
import { SysError, throwErrno } from './errno.js';
import {
  addressOf,
  bind,
  boxAddresses,
  close,
  fixedBuffer,
  getsockopt,
  recvmmsg,
  sendmmsg,
  setsockopt,
  socket,
} from './libc.js';
import { linkByName } from './link.js';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const PACKET_QDISC_BYPASS = 20;
const MSG_WAITFORONE = 0x10000;
/** struct sockaddr_ll. */
const SOCKADDR_LL = 20;
/** struct mmsghdr on 64-bit Linux: struct msghdr (56 bytes), then a count. */
const MMSGHDR = 64;
const MSG_LEN = 56;
const IOVEC = 16;

/** A socket that sends or receives a batch of frames with one call, on one link. */
class PacketSocket {
  /** Frame n begins at `n * stride`. */
  readonly frames: Uint8Array;
  readonly stride: number;
  protected readonly fd: number;
  protected readonly view: DataView;
  /** Address of the first header, and of memory for the arguments of a call. */
  protected readonly messages: number;
  protected readonly scratch: { view: DataView; address: number };
  protected readonly batch: number;
  private readonly keep: SharedArrayBuffer;

  /** Room for `batch` frames of `length` bytes. `protocol` is an ethertype, 0 for none: nothing is received then. */
  constructor(name: string, batch: number, length: number, protocol: number, prepare: (fd: number) => void) {
    const link = linkByName(name);
    if (link === undefined) throw new SysError(`link ${name}`, 'ENODEV', 'no such interface in this namespace');
    this.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (this.fd === -1) throwErrno('packet socket', { EPERM: 'run as root or with CAP_NET_RAW' });
    this.batch = batch;
    this.stride = (length + 63) & ~63;
    const headers = batch * (MMSGHDR + IOVEC);
    this.keep = new SharedArrayBuffer(headers + batch * this.stride);
    const bytes = new Uint8Array(this.keep);
    this.view = new DataView(this.keep);
    const base = addressOf(bytes);
    this.frames = bytes.subarray(headers);
    this.messages = base;
    this.scratch = fixedBuffer(64);
    for (let n = 0; n < batch; n++) {
      const iovec = batch * MMSGHDR + n * IOVEC;
      this.view.setBigUint64(iovec, BigInt(base + headers + n * this.stride), true);
      this.view.setBigUint64(iovec + 8, BigInt(length), true);
      this.view.setBigUint64(n * MMSGHDR + 16, BigInt(base + iovec), true);
      this.view.setBigUint64(n * MMSGHDR + 24, 1n, true);
    }
    prepare(this.fd);
    const { view, address } = this.scratch;
    view.setUint16(0, AF_PACKET, true);
    view.setUint16(2, protocol);
    view.setInt32(4, link.index, true);
    if (bind(this.fd, address, SOCKADDR_LL) === -1) throwErrno(`bind to ${name}`);
  }

  /** Closes the socket. */
  close(): void {
    close(this.fd);
  }
}

/** Sends batches of frames, which the caller may change between calls. */
export class PacketSender extends PacketSocket {
  private readonly starts: number[];

  /** Sends on link `name`; `batch` frames of `length` bytes each. Throws SysError, ENODEV when there is no such link. */
  constructor(name: string, batch: number, length: number) {
    super(name, batch, length, 0, (fd) => {
      setOption(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
    });
    this.starts = boxAddresses([this.messages]);
  }

  /** Makes frame `n` so long, in bytes: at most what the socket was made for. */
  setLength(n: number, length: number): void {
    this.view.setUint32(this.batch * MMSGHDR + n * IOVEC + 8, length, true);
  }

  /**
   * Sends the first `count` frames. Returns how many the kernel took. Fewer than `count`: it refused the next one, as the
   * link's queue is full, or it is down or without carrier.
   */
  send(count: number): number {
    return Math.max(0, sendmmsg(this.fd, this.starts[0], count, 0));
  }
}

/** Receives batches of frames of one ethertype. What this host sends on the link is not among them. */
export class PacketReceiver extends PacketSocket {
  /** Bytes of socket buffer that the kernel granted, as it counts them (twice what a frame's bytes take, and more). */
  readonly bufferBytes: number;
  private readonly starts: number[];
  private dropped = 0;

  /**
   * Receives on link `name`, `batch` frames a call, `length` bytes of each at most. `bufferBytes` is asked for beyond the
   * system's limit (with CAP_NET_ADMIN). `waitMs` is how long `receive` waits for a first frame.
   */
  constructor(
    name: string,
    options: { batch: number; length: number; ethertype: number; bufferBytes: number; waitMs: number },
  ) {
    super(name, options.batch, options.length, options.ethertype, (fd) => {
      if (setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, options.bufferBytes) === -1)
        setOption(fd, SOL_SOCKET, SO_RCVBUF, options.bufferBytes);
      const { view, address } = fixedBuffer(16);
      view.setInt32(0, Math.trunc(options.waitMs / 1000), true);
      view.setInt32(8, (options.waitMs % 1000) * 1000, true);
      if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, address, 16) === -1) throwErrno('packet socket timeout');
    });
    this.starts = boxAddresses([this.messages]);
    this.bufferBytes = this.option(SOL_SOCKET, SO_RCVBUF, 4);
  }

  /** Waits for a first frame and takes what has come with it. Returns how many; 0 after `waitMs`, or if a signal came. */
  receive(): number {
    return Math.max(0, recvmmsg(this.fd, this.starts[0], this.batch, MSG_WAITFORONE, 0));
  }

  /** Bytes of frame `n` of the last `receive`: what did not fit is not counted. */
  lengthOf(n: number): number {
    return this.view.getUint32(n * MMSGHDR + MSG_LEN, true);
  }

  /** Frames that came but found no room in the socket's buffer, since the socket was made. */
  drops(): number {
    // struct tpacket_stats: packets, drops; asking sets both to 0.
    this.option(SOL_PACKET, PACKET_STATISTICS, 8);
    this.dropped += this.scratch.view.getUint32(4, true);
    return this.dropped;
  }

  /** The first word of an option; the others are behind it in `scratch`. */
  private option(level: number, option: number, bytes: number): number {
    const { view, address } = this.scratch;
    view.setUint32(32, bytes, true);
    if (getsockopt(this.fd, level, option, address, address + 32) === -1) throwErrno('packet socket option');
    return view.getUint32(0, true);
  }
}

/** Sets an option of one word; -1 when the kernel refuses. */
function setOption(fd: number, level: number, option: number, value: number): number {
  const { view, address } = fixedBuffer(4);
  view.setInt32(0, value, true);
  return setsockopt(fd, level, option, address, 4);
}
