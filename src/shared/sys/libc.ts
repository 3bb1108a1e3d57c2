/**
 * libc through koffi: the calls the rest of `sys/` is made of. Any thread.
 *
 * Each costs 0.23–0.35 µs beside its system call (Node 20.20, koffi 3.3.4, November 2026). Pointers are numbers; a
 * computed number costs 16 B of garbage, so hot callers keep theirs boxed (`boxAddresses`). On -1, `lastErrno()` tells why.
 */
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');

/** read(2) of up to `length` bytes to address `to`. */
export const read: (fd: number, to: number, length: number) => number = libc.func('long read(int, uintptr_t, size_t)');
/** write(2) of `length` bytes from address `from`. */
export const write: (fd: number, from: number, length: number) => number = libc.func(
  'long write(int, uintptr_t, size_t)',
);
/** pwrite(2) of `length` bytes from address `from` to byte `offset` of a file. */
export const pwrite: (fd: number, from: number, length: number, offset: number) => number = libc.func(
  'long pwrite(int, uintptr_t, size_t, long)',
);
/** writev(2) of `count` struct iovec (16 bytes each: address, length) at address `iov`, which must be in fixed memory. */
export const writev: (fd: number, iov: number, count: number) => number = libc.func('long writev(int, uintptr_t, int)');
/** readv(2), the same way round. */
export const readv: (fd: number, iov: number, count: number) => number = libc.func('long readv(int, uintptr_t, int)');
/** memmove(3) of `length` bytes to address `to` from address `from`. */
export const memmove: (to: number, from: number, length: number) => number = libc.func(
  'uintptr_t memmove(uintptr_t, uintptr_t, size_t)',
);
/** close(2). */
export const close: (fd: number) => number = libc.func('int close(int)');
/** open(2), no mode. */
export const open: (path: string, flags: number) => number = libc.func('int open(const char *, int)');
/** pipe2(2); `ends` is the address of two ints. */
export const pipe2: (ends: number, flags: number) => number = libc.func('int pipe2(uintptr_t, int)');
/** socket(2). */
export const socket: (domain: number, type: number, protocol: number) => number =
  libc.func('int socket(int, int, int)');
/** ioctl(2) whose argument is a pointer or a number. */
export const ioctl: (fd: number, request: number, argument: number) => number = libc.func(
  'int ioctl(int, ulong, uintptr_t)',
);
/** eventfd(2). */
export const eventfd: (initial: number, flags: number) => number = libc.func('int eventfd(uint, int)');
/** bind(2). */
export const bind: (fd: number, address: number, length: number) => number = libc.func(
  'int bind(int, uintptr_t, uint)',
);
/** listen(2). */
export const listen: (fd: number, backlog: number) => number = libc.func('int listen(int, int)');
/** accept4(2). */
export const accept4: (fd: number, address: number, length: number, flags: number) => number = libc.func(
  'int accept4(int, uintptr_t, uintptr_t, int)',
);
/** sendmsg(2) and recvmsg(2); `header` is the address of a struct msghdr. */
export const sendmsg: (fd: number, header: number, flags: number) => number = libc.func(
  'long sendmsg(int, uintptr_t, int)',
);
export const recvmsg: (fd: number, header: number, flags: number) => number = libc.func(
  'long recvmsg(int, uintptr_t, int)',
);
/** connect(2). */
export const connect: (fd: number, address: number, length: number) => number = libc.func(
  'int connect(int, uintptr_t, uint)',
);
/** setsockopt(2). */
export const setsockopt: (fd: number, level: number, option: number, value: number, length: number) => number =
  libc.func('int setsockopt(int, int, int, uintptr_t, uint)');
/** getsockopt(2); `length` is the address of a 32-bit word that says how much room there is. */
export const getsockopt: (fd: number, level: number, option: number, value: number, length: number) => number =
  libc.func('int getsockopt(int, int, int, uintptr_t, uintptr_t)');
/** recvmmsg(2), without its timeout. */
export const recvmmsg: (fd: number, messages: number, count: number, flags: number, timeout: number) => number =
  libc.func('int recvmmsg(int, uintptr_t, uint, int, uintptr_t)');
/** sendmmsg(2). */
export const sendmmsg: (fd: number, messages: number, count: number, flags: number) => number = libc.func(
  'int sendmmsg(int, uintptr_t, uint, int)',
);
/** epoll_create1(2). */
export const epollCreate1: (flags: number) => number = libc.func('int epoll_create1(int)');
/** epoll_ctl(2). */
export const epollCtl: (epfd: number, op: number, fd: number, event: number) => number = libc.func(
  'int epoll_ctl(int, int, int, uintptr_t)',
);
/** epoll_wait(2). */
export const epollWaitCall: (epfd: number, events: number, most: number, timeoutMs: number) => number = libc.func(
  'int epoll_wait(int, uintptr_t, int, int)',
);

/** poll(2); `entries` is the address of `count` struct pollfd. */
export const pollCall: (entries: number, count: number, timeoutMs: number) => number = libc.func(
  'int poll(uintptr_t, ulong, int)',
);

/** send(2). With address and length 0 it tells a socket with rings to look at its transmit ring. */
export const send: (fd: number, from: number, length: number, flags: number) => number = libc.func(
  'long send(int, uintptr_t, size_t, int)',
);
/** recv(2). */
export const recv: (fd: number, to: number, length: number, flags: number) => number = libc.func(
  'long recv(int, uintptr_t, size_t, int)',
);
/** memcpy(3). Pieces that do not overlap, and addresses that are right: nothing checks them. */
export const memcpy: (to: number, from: number, length: number) => void = libc.func(
  'void memcpy(uintptr_t, uintptr_t, size_t)',
);
/** mmap(2); -1 when it fails. */
const mmap: (at: number, length: number, protection: number, flags: number, fd: number, offset: number) => number =
  libc.func('long mmap(uintptr_t, size_t, int, int, int, long)');
/** munmap(2). */
const munmap: (at: number, length: number) => number = libc.func('int munmap(uintptr_t, size_t)');
/** mprotect(2). */
const mprotect: (at: number, length: number, protection: number) => number = libc.func(
  'int mprotect(uintptr_t, size_t, int)',
);
/** syscall(2) with three arguments: for calls that libc has no function for. */
export const syscall3: (number: number, a: number, b: number, c: number) => number = libc.func(
  'long syscall(long, ulong, ulong, ulong)',
);
/** The same with six. */
export const syscall6: (number: number, a: number, b: number, c: number, d: number, e: number, f: number) => number =
  libc.func('long syscall(long, ulong, ulong, ulong, ulong, ulong, ulong)');
/** clock_gettime(2) into a struct timespec at address `to`. */
export const clockGettime: (clock: number, to: number) => number = libc.func('int clock_gettime(int, uintptr_t)');
/** nanosleep(2) for the struct timespec at address `time`. */
export const nanosleep: (time: number, left: number) => number = libc.func('int nanosleep(uintptr_t, uintptr_t)');
const SYS_SCHED_GETAFFINITY = process.arch === 'x64' ? 204 : 123;
/** gettid(2): the kernel's number of this thread. */
export const gettid: () => number = libc.func('int gettid()');
/** sched_getaffinity(2): bytes of the mask, or -1. libc's own function returns 0 instead, and says less. */
export const schedGetaffinity: (tid: number, length: number, mask: number) => number = (tid, length, mask) =>
  syscall3(SYS_SCHED_GETAFFINITY, tid, length, mask);
/** sched_setaffinity(2). */
export const schedSetaffinity: (tid: number, length: number, mask: number) => number = libc.func(
  'int sched_setaffinity(int, size_t, uintptr_t)',
);

const PROT_READ_WRITE = 3;
const PROT_READ_EXEC = 5;
const MAP_SHARED_POPULATE = 0x8001;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const CODE = koffi.proto('int (uintptr_t)');

/** Maps `length` bytes of a descriptor, shared and present. Returns the address, or -1: `lastErrno()` tells why. */
export function mapFile(fd: number, length: number, offset: number): number {
  return mmap(0, length, PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, offset);
}

/**
 * Puts machine code into memory of its own, which can be run and no longer written. Returns its address, or -1: `lastErrno()` tells why
 * (EACCES where a policy forbids it).
 */
export function mapCode(code: Uint8Array): number {
  const at = mmap(0, code.length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  if (at === -1) return -1;
  new Uint8Array(viewAt(at, code.length)).set(code);
  if (mprotect(at, code.length, PROT_READ_EXEC) === 0) return at;
  munmap(at, code.length);
  return -1;
}

/** Code at `address` as a function of one address; it is called as any function of libc is. */
export function functionAt(address: number): (argument: number) => number {
  return koffi.decode(address as never, CODE) as (argument: number) => number;
}

/** Ends a mapping. Nothing may look at it any more. */
export function unmap(address: number, length: number): void {
  munmap(address, length);
}

/** A view of `length` bytes of mapped memory. It must not be used once the mapping has ended; it keeps nothing alive. */
export function viewAt(address: number, length: number): ArrayBuffer {
  return koffi.view(address, length);
}

/**
 * errno of the last call of this thread that returned -1. It is libc's own word, which koffi does not save: ask for it
 * directly after the call, before anything else may call into the kernel.
 */
export const lastErrno: () => number = koffi.errno;

/**
 * Address of a view's first byte. The view must be on a SharedArrayBuffer (memory that the collector never moves), and
 * something must hold that buffer for as long as the address is used: a number keeps nothing alive.
 */
export function addressOf(view: Uint8Array): number {
  return Number(koffi.address(view));
}

/** What `fixedBuffer` gave out. Without it, a caller that keeps the address alone has it freed under it (seen: eventfd.ts). */
const held: SharedArrayBuffer[] = [];

/** Memory for arguments of system calls: a view that stays where it is until the thread ends, and its address. */
export function fixedBuffer(bytes: number): { view: DataView; u8: Uint8Array; address: number } {
  const shared = new SharedArrayBuffer(bytes);
  held.push(shared);
  const u8 = new Uint8Array(shared);
  return { view: new DataView(shared), u8, address: addressOf(u8) };
}

/**
 * The addresses in an array that holds each as a box of its own, so that passing one to a call allocates nothing. A plain array of
 * numbers, as Array.from or map make it, holds bare doubles: each use boxes one anew, 16 B (V8 of Node 20, November 2026).
 */
export function boxAddresses(addresses: ArrayLike<number>): number[] {
  // The nulls make it an array of references before the first number comes; it never goes back.
  const boxes: (number | null)[] = new Array<null>(addresses.length).fill(null);
  for (let i = 0; i < addresses.length; i++) boxes[i] = addresses[i];
  return boxes as number[];
}
