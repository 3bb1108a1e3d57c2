/**
 * A non-blocking connection to a unix stream socket, for a thread that has no event loop: connect, and whether somebody still reads. What
 * is written to it goes by `writev`: Node has SIGPIPE ignored.
 */
import { ERRNO, SysError, throwErrno } from './errno.js';
import { close, connect, fixedBuffer, lastErrno, read, socket } from './libc.js';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** Longest path that fits a struct sockaddr_un with its zero byte. */
const PATH_MOST = 107;
const scratch = fixedBuffer(2 + PATH_MOST + 1);

/** Connects to the socket at `path`. Returns its descriptor. Throws SysError. */
export function connectUnix(path: string): number {
  const bytes = Buffer.from(path);
  const what = `socket ${path}`;
  if (bytes.length > PATH_MOST) throw new SysError(what, 'EINVAL', `its path is longer than ${PATH_MOST} bytes`);
  scratch.view.setUint16(0, AF_UNIX, true);
  scratch.u8.fill(0, 2).set(bytes, 2);
  const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throwErrno(what);
  if (connect(fd, scratch.address, bytes.length + 3) === 0) return fd;
  try {
    throwErrno(what);
  } finally {
    close(fd);
  }
}

/** Whether the other end is still there: it sends nothing, so all there is to read is its end. */
export function streamLives(fd: number): boolean {
  const n = read(fd, scratch.address, 1);
  return n > 0 || (n < 0 && lastErrno() === ERRNO.EAGAIN);
}
