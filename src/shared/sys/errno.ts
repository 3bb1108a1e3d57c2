/**
 * errno numbers (Linux, asm-generic) by name, and the error that failed system calls throw. Any thread.
 */
import { lastErrno } from './libc.js';

/** The numbers this program names. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  EFBIG: 27,
  ENOSPC: 28,
  EPIPE: 32,
  ERANGE: 34,
  ENOSYS: 38,
  EBADFD: 77,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EDQUOT: 122,
} as const;

/** A name in `ERRNO`. */
export type ErrnoName = keyof typeof ERRNO;

const NAMES = new Map(Object.entries(ERRNO).map(([name, number]) => [number as number, name]));

/** `EBUSY` for 16; `E200` for a number that has no name here. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

/** A failed system call. `message` names what was tried, the errno, and a remedy where there is one. */
export class SysError extends Error {
  /** The errno by name: `EBUSY`. */
  readonly code: string;
  /** What was tried, and on what: `TAP tap0`. */
  readonly syscall: string;
  /** What an operator can do about it, where that is known. */
  readonly remedy?: string;

  constructor(syscall: string, code: string, remedy = '') {
    super(`${syscall}: ${code}${remedy === '' ? '' : `; ${remedy}`}`);
    this.code = code;
    this.syscall = syscall;
    if (remedy !== '') this.remedy = remedy;
  }
}

/** Throws a SysError for the errno just set; `remedies` says what to do about some of them. */
export function throwErrno(syscall: string, remedies: Partial<Record<ErrnoName, string>> = {}): never {
  const code = errnoName(lastErrno());
  throw new SysError(syscall, code, remedies[code as ErrnoName]);
}
