/**
 * What each errno of reading and writing a TAP means for the frame and the port. Workers.
 *
 * Seen on Linux 6.18; tap-policy.test.ts makes each of these happen:
 *
 * | case                                                         | read           | write           |
 * |--------------------------------------------------------------|----------------|-----------------|
 * | queue empty                                                  | EAGAIN         |                 |
 * | kernel's end down, also after a move to a namespace          | EAGAIN         | EIO             |
 * | carrier off, or this queue detached                          | EAGAIN         | taken           |
 * | frame under 14 bytes, header cut short                       |                | EINVAL          |
 * | header: hdr_len or checksum place outside the frame, unknown gso_type, ECN alone, gso_size 0, UDP's csum_offset not 6 | | EINVAL |
 * | header: GSO that does not fit the frame's protocol, unknown flags, num_buffers | | taken, perhaps lost |
 * | frame over the MTU, over 64 KiB                              |                | taken           |
 * | buffer shorter than the header                               | EINVAL, frame lost |             |
 * | buffer shorter than the frame                                | cut, no errno  |                 |
 * | TAP deleted (`ip link del`), or its namespace                | EBADFD         | EBADFD          |
 * | bad address, closed descriptor                               | EFAULT, EBADF  | EFAULT, EBADF   |
 *
 * ENOMEM and ENOBUFS (no socket buffer) come from the source of drivers/net/tun.c; they could not be provoked.
 */
import { ERRNO } from './errno.js';

/** What to do. */
export const enum TapPolicy {
  /** Nothing there, or no room: later. */
  AGAIN = 0,
  /** The kernel's end is down. */
  DOWN = 1,
  /** The kernel does not take, or cannot give, this frame; the next one may pass. */
  REFUSED = 2,
  /** The TAP no longer exists. */
  GONE = 3,
  /** An address or descriptor of ours is wrong, or an errno nobody foresaw: a mistake in this program. */
  FATAL = 4,
}

/** After a failed read. `errno`: as `lastErrno()` gives it. */
export function tapReadPolicy(errno: number): TapPolicy {
  switch (errno) {
    case ERRNO.EAGAIN:
    case ERRNO.EINTR:
    case ERRNO.ENOMEM:
    case ERRNO.ENOBUFS:
      return TapPolicy.AGAIN;
    case ERRNO.EIO:
    case ERRNO.ENETDOWN:
      return TapPolicy.DOWN;
    case ERRNO.EINVAL:
      return TapPolicy.REFUSED;
    case ERRNO.EBADFD:
    case ERRNO.ENODEV:
    case ERRNO.ENXIO:
      return TapPolicy.GONE;
    default:
      return TapPolicy.FATAL;
  }
}

/** After a failed write. `errno`: as `lastErrno()` gives it. */
export function tapWritePolicy(errno: number): TapPolicy {
  return errno === ERRNO.EMSGSIZE || errno === ERRNO.E2BIG ? TapPolicy.REFUSED : tapReadPolicy(errno);
}
