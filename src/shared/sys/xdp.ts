/**
 * AF_XDP sockets (linux/if_xdp.h; kernel's af_xdp.rst): one for each device queue. Their memory is the frames region itself:
 * a slot is a chunk, its headroom the kernel's. Main opens and closes; a worker drives the four rings of each through
 * their mappings (workers/device/xdp.ts).
 *
 * Every socket registers the region for itself, so none depends on another. The kernel tries zero-copy and falls back.
 */
import { ERRNO, SysError, throwErrno } from './errno.js';
import { bind, close, fixedBuffer, getsockopt, lastErrno, mapFile, setsockopt, socket, unmap } from './libc.js';

const AF_XDP = 44;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

const SOL_XDP = 283;
const XDP_MMAP_OFFSETS = 1;
const XDP_RX_RING = 2;
const XDP_TX_RING = 3;
const XDP_UMEM_REG = 4;
const XDP_UMEM_FILL_RING = 5;
const XDP_UMEM_COMPLETION_RING = 6;
const XDP_STATISTICS = 7;
const XDP_OPTIONS = 8;
/** How many frames one call may send in copy mode (Linux 6.18; 32 without). */
const XDP_MAX_TX_SKB_BUDGET = 9;
const XDP_USE_NEED_WAKEUP = 8;
const XDP_USE_SG = 16;
const SOCKADDR_XDP = 16;

const PGOFF_RX = 0;
const PGOFF_TX = 0x8000_0000;
const PGOFF_FILL = 0x1_0000_0000;
const PGOFF_COMPLETION = 0x1_8000_0000;

/** Entries of the rings. What was sent and not yet reported fits the completion ring together with the transmit ring. */
export const enum XdpRing {
  RX = 2048,
  TX = 1024,
  FILL = 2048,
  COMPLETION = 2048,
  /** Words of an entry: of the receive and transmit rings, and of the other two. */
  DESC_WORDS = 4,
  ADDRESS_WORDS = 2,
}

/** Words of an entry of the receive and transmit rings. */
export const enum XdpDesc {
  ADDRESS = 0,
  ADDRESS_HIGH = 1,
  LENGTH = 2,
  OPTIONS = 3,
}

/** OPTIONS of a buffer that is not its frame's last. */
export const XDP_PKT_CONTD = 1;
/** Set in a ring's flags: the kernel waits to be told. */
export const XDP_RING_NEED_WAKEUP = 1;

/** Where a ring's words are in its mapping, in words. */
export interface RingOffsets {
  readonly producer: number;
  readonly consumer: number;
  readonly desc: number;
  readonly flags: number;
}

/** An open socket. */
export interface XdpQueue {
  readonly fd: number;
  readonly queue: number;
  /** The four rings in this order: receive, transmit, fill, completion. */
  readonly rings: readonly { readonly address: number; readonly bytes: number; readonly offsets: RingOffsets }[];
  readonly zeroCopy: boolean;
}

const scratch = fixedBuffer(256);

/** The kernel lets a queue go a moment after its socket was closed, here or in a process that just ended. How long it is waited for. */
const RELEASE_MS = 300;
const RELEASE_STEP_MS = 5;
const never = new Int32Array(new SharedArrayBuffer(4));

/** The rings in the order of the answer to XDP_MMAP_OFFSETS. */
const RINGS = [
  { option: XDP_RX_RING, entries: XdpRing.RX, page: PGOFF_RX, words: XdpRing.DESC_WORDS },
  { option: XDP_TX_RING, entries: XdpRing.TX, page: PGOFF_TX, words: XdpRing.DESC_WORDS },
  { option: XDP_UMEM_FILL_RING, entries: XdpRing.FILL, page: PGOFF_FILL, words: XdpRing.ADDRESS_WORDS },
  {
    option: XDP_UMEM_COMPLETION_RING,
    entries: XdpRing.COMPLETION,
    page: PGOFF_COMPLETION,
    words: XdpRing.ADDRESS_WORDS,
  },
] as const;

const PRIVILEGE = 'run as root or with CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF';
const MEMLOCK = 'raise the limit of locked memory (LimitMEMLOCK=infinity in the unit, `ulimit -l unlimited`)';

/**
 * Opens a socket on queue `queue` of interface `ifindex`, its memory the `bytes` bytes at `memory` in chunks of `chunk` bytes. `frags`:
 * frames may have several buffers. Throws SysError with a remedy: EBUSY the queue is taken, ENOBUFS too little memory may be locked.
 */
export function openXdpQueue(
  name: string,
  ifindex: number,
  queue: number,
  umem: { readonly memory: number; readonly bytes: number; readonly chunk: number },
  frags: boolean,
): XdpQueue {
  const what = `AF_XDP on ${name} queue ${queue}`;
  const fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd === -1) throwErrno(what, { EPERM: PRIVILEGE, EMFILE: 'raise the limit of open files (ulimit -n)' });
  const rings: { address: number; bytes: number; offsets: RingOffsets }[] = [];
  try {
    register(fd, umem, what);
    for (const ring of RINGS) {
      scratch.view.setUint32(0, ring.entries, true);
      if (setsockopt(fd, SOL_XDP, ring.option, scratch.address, 4) === -1) throwErrno(`${what}: rings`);
    }
    const offsets = ringOffsets(fd, what);
    RINGS.forEach((ring, n) => {
      const at = offsets[n] as RingOffsets;
      const bytes = (at.desc + ring.entries * ring.words) * 4;
      const address = mapFile(fd, bytes, ring.page);
      if (address === -1) throwErrno(`${what}: rings`, { ENOMEM: 'not enough memory' });
      rings.push({ address, bytes, offsets: at });
    });
    // Older kernels do not know it; they send fewer frames a call.
    scratch.view.setUint32(0, 64, true);
    setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, scratch.address, 4);
    bindQueue(fd, ifindex, queue, frags, what, name);
    return { fd, queue, rings, zeroCopy: option32(fd, XDP_OPTIONS) === 1 };
  } catch (error) {
    closeXdpQueue({ fd, rings });
    throw error;
  }
}

/** Closes a socket: the kernel has then no slot of its any more. */
export function closeXdpQueue({ fd, rings }: Pick<XdpQueue, 'fd' | 'rings'>): void {
  for (const { address, bytes } of rings) unmap(address, bytes);
  close(fd);
}

/** What a socket's statistics say, since it was opened: frames that found no room, and entries of ours that were wrong. */
export function xdpStatistics(fd: number): { readonly missed: number; readonly wrong: number } {
  const { view, address } = scratch;
  scratch.u8.fill(0);
  view.setUint32(128, 48, true);
  if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, address, address + 128) === -1) return { missed: 0, wrong: 0 };
  const word = (n: number): number => Number(view.getBigUint64(n * 8, true));
  // rx_dropped, rx_invalid_descs, tx_invalid_descs, rx_ring_full, rx_fill_ring_empty_descs, tx_ring_empty_descs.
  return { missed: word(0) + word(3), wrong: word(1) + word(2) };
}

function register(fd: number, umem: { memory: number; bytes: number; chunk: number }, what: string): void {
  const { view, u8, address } = scratch;
  u8.fill(0);
  view.setBigUint64(0, BigInt(umem.memory), true);
  view.setBigUint64(8, BigInt(umem.bytes), true);
  view.setUint32(16, umem.chunk, true);
  if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, address, 32) === -1) {
    throwErrno(`${what}: memory`, { ENOBUFS: MEMLOCK, EPERM: MEMLOCK, ENOMEM: MEMLOCK });
  }
}

function ringOffsets(fd: number, what: string): RingOffsets[] {
  const { view, address } = scratch;
  view.setUint32(192, 128, true);
  if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, address, address + 192) === -1) throwErrno(`${what}: rings`);
  const word = (ring: number, n: number): number => view.getUint32(ring * 32 + n * 8, true) >> 2;
  return RINGS.map((_, n) => ({
    producer: word(n, 0),
    consumer: word(n, 1),
    desc: word(n, 2),
    flags: word(n, 3),
  }));
}

function bindQueue(fd: number, ifindex: number, queue: number, frags: boolean, what: string, name: string): void {
  const { view, u8, address } = scratch;
  u8.fill(0);
  view.setUint16(0, AF_XDP, true);
  view.setUint16(2, XDP_USE_NEED_WAKEUP | (frags ? XDP_USE_SG : 0), true);
  view.setUint32(4, ifindex, true);
  view.setUint32(8, queue, true);
  const until = performance.now() + RELEASE_MS;
  while (bind(fd, address, SOCKADDR_XDP) === -1) {
    if (lastErrno() !== ERRNO.EBUSY || performance.now() > until) refuse(frags, what, name);
    Atomics.wait(never, 0, 0, RELEASE_STEP_MS);
  }
}

function refuse(frags: boolean, what: string, name: string): never {
  if (frags && lastErrno() === ERRNO.EINVAL) {
    const remedy = `the kernel has no frames of several buffers (Linux 6.6); make the MTU of ${name} smaller, or attach packet`;
    throw new SysError(what, 'EINVAL', remedy);
  }
  throwErrno(what, {
    EBUSY: `another socket has that queue; end the process that holds it (\`ss --xdp -p\` shows it), or attach packet`,
    EPERM: PRIVILEGE,
    ENETDOWN: `\`ip link set ${name} up\``,
    EOPNOTSUPP: 'the driver cannot do it; attach packet',
  });
}

function option32(fd: number, which: number): number {
  const { view, address } = scratch;
  view.setUint32(0, 0, true);
  view.setUint32(32, 4, true);
  return getsockopt(fd, SOL_XDP, which, address, address + 32) === -1 ? 0 : view.getUint32(0, true);
}
