/**
 * Thread blocks in a heap of their own, moved by hand as workers would move them.
 */
import { Control, threadBlock } from '../../../src/shared/layout/heap.js';
import { announce, offline, online } from '../../../src/shared/smr/reader.js';

/** Up to eight workers, all offline at first. */
export class Workers {
  readonly heap = new Int32Array(new SharedArrayBuffer(threadBlock(8) * 4));
  private readonly last: number[] = [];

  constructor(epoch: number) {
    this.heap[Control.EPOCH] = epoch;
  }

  online(w: number): void {
    this.last[w] = online(this.heap, threadBlock(w));
  }

  offline(w: number): void {
    offline(this.heap, threadBlock(w));
    this.last[w] = 0;
  }

  announce(w: number): void {
    this.last[w] = announce(this.heap, threadBlock(w), this.last[w] as number);
  }
}
