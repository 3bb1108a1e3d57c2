/**
 * A bound on the frames under way: the generator sends no more than that many beyond what the sink has received. With fewer than any ring
 * between them holds, none can be lost for want of room, however little of a processor the one between gets; the rate is then what
 * it can carry.
 *
 * The sink's count is in a file that both processes map. Frames that do not arrive are given up for lost after a second without any that do,
 * so that the rest go on.
 */
import { closeSync, openSync } from 'node:fs';
import { mapFile, viewAt } from '../../src/shared/sys/libc.js';

/** Bytes of the file. */
export const WINDOW_BYTES = 4096;
const LOST_NS = 1e9;

/** The sink's count, from 0 on, round after 2³². Throws where the file is not there. */
export function openWindow(path: string): Int32Array {
  const fd = openSync(path, 'r+');
  const address = mapFile(fd, WINDOW_BYTES, 0);
  closeSync(fd);
  if (address === -1) throw new Error(`${path}: cannot be mapped`);
  return new Int32Array(viewAt(address, WINDOW_BYTES));
}

/** The generator's view of it. */
export class Window {
  private givenUp = 0;
  private seen = 0;
  private seenAt: number;

  /** At most `most` frames under way. `arrived` is the count as `openWindow` gives it; time is in nanoseconds. */
  constructor(
    private readonly arrived: Int32Array,
    private readonly most: number,
    startNs: number,
  ) {
    this.seenAt = startNs;
  }

  /** How many frames may be sent at `nowNs`, `sent` having been. */
  room(sent: number, nowNs: number): number {
    const arrived = Atomics.load(this.arrived, 0);
    if (arrived !== this.seen) {
      this.seen = arrived;
      this.seenAt = nowNs;
    }
    const underWay = (sent - this.givenUp - arrived) | 0;
    if (underWay < this.most) {
      if (underWay <= 0) this.seenAt = nowNs;
      return Math.min(this.most, this.most - underWay);
    }
    if (nowNs - this.seenAt < LOST_NS) return 0;
    this.givenUp += underWay;
    this.seenAt = nowNs;
    return this.most;
  }
}
