/**
 * epoll(7): one instance for each worker. Main adds and removes descriptors; the worker waits.
 *
 * Only input is asked for; EPOLLERR and EPOLLHUP come unasked. A TAP that was deleted under an open descriptor raises
 * EPOLLERR alone (Linux 6.18), at every wait, until the descriptor is removed or closed.
 */
import { ERRNO, throwErrno } from './errno.js';
import { epollCreate1, epollCtl, epollWaitCall, fixedBuffer, lastErrno } from './libc.js';

const EPOLL_CLOEXEC = 0o2000000;
const CTL_ADD = 1;
const CTL_DEL = 2;
const EPOLLET = 0x80000000;

export const EPOLLIN = 0x001;
export const EPOLLERR = 0x008;
export const EPOLLHUP = 0x010;

/** 32-bit words of a struct epoll_event: packed on x86-64 (events, data), padded elsewhere. */
export const EPOLL_EVENT_WORDS = process.arch === 'x64' ? 3 : 4;
/** Word of the first half of `data` in it; the second half follows. */
export const EPOLL_DATA_WORD = process.arch === 'x64' ? 1 : 2;

const event = fixedBuffer(16);

/** A new instance. Throws SysError. */
export function epollCreate(): number {
  const fd = epollCreate1(EPOLL_CLOEXEC);
  if (fd === -1) throwErrno('epoll_create1', { EMFILE: 'raise the limit of open files (ulimit -n)' });
  return fd;
}

/**
 * Watches `fd` for input; its events carry `data0` and `data1` (32 bits each). `edge`: once for each arrival, read or not.
 * Throws SysError: EEXIST when it is watched already, EPERM for a file that cannot be waited for.
 */
export function epollAdd(epfd: number, fd: number, data0: number, data1: number, edge: boolean): void {
  if (!epollTryAdd(epfd, fd, data0, data1, edge)) throwErrno('epoll_ctl add');
}

/** The same, where the worker that waits may have done it already (it began a moment ago, and found the interface). */
export function epollWatch(epfd: number, fd: number, data0: number, data1: number): void {
  if (!epollTryAdd(epfd, fd, data0, data1, false) && lastErrno() !== ERRNO.EEXIST) throwErrno('epoll_ctl add');
}

/** The same for workers: false when it fails, as it does where the descriptor is watched already. */
export function epollTryAdd(epfd: number, fd: number, data0: number, data1: number, edge: boolean): boolean {
  event.view.setUint32(0, edge ? EPOLLIN + EPOLLET : EPOLLIN, true);
  event.view.setInt32(EPOLL_DATA_WORD * 4, data0, true);
  event.view.setInt32(EPOLL_DATA_WORD * 4 + 4, data1, true);
  return epollCtl(epfd, CTL_ADD, fd, event.address) !== -1;
}

/** Stops watching `fd`; a descriptor that is not watched is no error. */
export function epollDel(epfd: number, fd: number): void {
  epollCtl(epfd, CTL_DEL, fd, 0);
}

/** epoll_wait(2) into the events at address `events`; -1 (EINTR among others) counts as no events. */
export const epollWait: (epfd: number, events: number, most: number, timeoutMs: number) => number = epollWaitCall;
