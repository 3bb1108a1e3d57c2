/** poll(2) of one descriptor. Main only; a worker waits by epoll. */
import { fixedBuffer, pollCall } from './libc.js';

const POLLOUT = 4;

/** struct pollfd. */
const entry = fixedBuffer(8);

/** Waits up to `waitMs` until a write to `fd` would not, or would fail at once. False when it still would wait. */
export function waitWritable(fd: number, waitMs: number): boolean {
  entry.view.setInt32(0, fd, true);
  entry.view.setInt32(4, POLLOUT, true);
  return pollCall(entry.address, 1, waitMs) > 0;
}
