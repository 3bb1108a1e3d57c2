/**
 * Why the kernel did not take a frame, as a drop reason: for TAPs and for packet sockets, whose errnos mean the same.
 */
import { Drop } from '../../shared/counter/drop-reason.js';
import { TapPolicy, tapWritePolicy } from '../../shared/sys/tap-policy.js';

/** `errno`: as `lastErrno()` gives it after the write. */
export function writeReason(errno: number): Drop {
  switch (tapWritePolicy(errno)) {
    case TapPolicy.AGAIN:
      return Drop.QUEUE_FULL;
    case TapPolicy.DOWN:
      return Drop.LINK_DOWN;
    case TapPolicy.REFUSED:
      return Drop.REFUSED;
    default:
      return Drop.GONE;
  }
}
