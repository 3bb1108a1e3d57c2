/**
 * eventfd(2) as a doorbell: watched edge-triggered by the sleeper's epoll, so nobody ever has to read it. Any thread.
 */
import { throwErrno } from './errno.js';
import { eventfd, fixedBuffer, write } from './libc.js';

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

const one = fixedBuffer(8);
one.view.setBigUint64(0, 1n, true);
const oneAddress = one.address;

/** A new doorbell descriptor. Throws SysError. */
export function eventfdCreate(): number {
  const fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd === -1) throwErrno('eventfd', { EMFILE: 'raise the limit of open files (ulimit -n)' });
  return fd;
}

/** Rings it: an edge for whoever watches. Adds 1 to a 64-bit count that never fills; nothing is allocated. */
export function eventfdRing(fd: number): void {
  write(fd, oneAddress, 8);
}
