/**
 * What each errno of reading and writing a TAP means for the frame and the port. Workers.
 *
 * Seen on Linux 6.18: a read of an empty queue EAGAIN; a read or write after `ip link del` EBADFD; a write while the
 * kernel's end is down EIO; a frame shorter than 14 bytes, or a virtio-net header the kernel does not believe, EINVAL.
 */
import { ERRNO } from './errno.js';

/** What to do. */
export const enum TapPolicy {
  /** Nothing there, or no room: later. */
  AGAIN = 0,
  /** The kernel's end is down. */
  DOWN = 1,
  /** The kernel does not take this frame. */
  REFUSED = 2,
  /** The TAP no longer exists. */
  GONE = 3,
}

/** After a failed read. */
export function tapReadPolicy(errno: number): TapPolicy {
  switch (errno) {
    case ERRNO.EAGAIN:
    case ERRNO.EINTR:
    case ERRNO.ENOMEM:
    case ERRNO.ENOBUFS:
      return TapPolicy.AGAIN;
    case ERRNO.EIO:
      return TapPolicy.DOWN;
    default:
      return TapPolicy.GONE;
  }
}

/** After a failed write. */
export function tapWritePolicy(errno: number): TapPolicy {
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
    case ERRNO.EFAULT:
      return TapPolicy.REFUSED;
    default:
      return TapPolicy.GONE;
  }
}
