/**
 * Live memory ports: two rings, one owning worker, which finds the port in its poll list.
 */
import { If, ifRecord, Kind, PortList, Thread, threadBlock } from '../../shared/layout/heap.js';
import { ringWords } from '../../shared/layout/rings.js';
import { RingConsumer } from '../../shared/ring/ring.js';
import type { Reclaimer } from '../../shared/smr/reclaimer.js';
import type { Memory } from '../memory/memory.js';
import type { Live } from './interface-table.js';

/** Frames a memory port's ring holds, each way. */
export const MEMORY_RING = 1024;

/** Ports each worker polls, by worker. */
export class MemoryPorts {
  private readonly memory: Memory;
  private readonly reclaimer: Reclaimer;
  private readonly owned: Live[][];

  constructor(memory: Memory, reclaimer: Reclaimer) {
    this.memory = memory;
    this.reclaimer = reclaimer;
    this.owned = Array.from({ length: memory.workers }, () => []);
  }

  /** Makes the rings of `live` and picks its worker: the one with the fewest ports. Throws ENOMEM. */
  open(live: Live): void {
    const { heap } = this.memory.views;
    const record = ifRecord(live.index);
    const rx = this.memory.newRing(MEMORY_RING);
    const tx = this.memory.newRing(MEMORY_RING);
    const fewest = Math.min(...this.owned.map((ports) => ports.length));
    heap[record + If.RX_RING] = rx;
    heap[record + If.TX_RING] = tx;
    heap[record + If.OWNER] = this.owned.findIndex((ports) => ports.length === fewest);
    live.close = () => {
      this.drain(rx);
      this.drain(tx);
      this.memory.rings.release(rx, ringWords(MEMORY_RING));
      this.memory.rings.release(tx, ringWords(MEMORY_RING));
    };
  }

  /** Lets its worker poll the port, once the record is published. */
  watch(live: Live): void {
    const owner = this.ownerOf(live);
    this.publish(owner, [...(this.owned[owner] as Live[]), live]);
  }

  /** Ends that; the first step of removal. */
  unwatch(live: Live): void {
    const owner = this.ownerOf(live);
    this.publish(
      owner,
      (this.owned[owner] as Live[]).filter((port) => port !== live),
    );
  }

  private ownerOf(live: Live): number {
    return this.memory.views.heap[ifRecord(live.index) + If.OWNER];
  }

  /** Publishes a worker's new poll list and retires the old one. */
  private publish(worker: number, ports: Live[]): void {
    const { heap } = this.memory.views;
    this.owned[worker] = ports;
    const words = PortList.FIRST + ports.length;
    const list = this.memory.heap.allocate(words);
    heap[list + PortList.KIND] = Kind.POLL_LIST;
    heap[list + PortList.COUNT] = ports.length;
    ports.forEach((port, n) => {
      heap[list + PortList.FIRST + n] = port.index;
    });
    const at = threadBlock(worker) + Thread.POLL_LIST;
    const old = heap[at];
    Atomics.store(heap, at, list);
    if (old === 0) return;
    const oldWords = PortList.FIRST + heap[old + PortList.COUNT];
    this.reclaimer.retire(oldWords * 4, () => this.memory.heap.release(old, oldWords));
  }

  /** Slots that nobody took from a ring go home. */
  private drain(base: number): void {
    const ring = new RingConsumer(this.memory.views.rings, base);
    const out = new Int32Array(64);
    for (let n = ring.popList(out, 64); n > 0; n = ring.popList(out, 64)) {
      for (let i = 0; i < n; i++) this.memory.cache.give(out[i]);
    }
    this.memory.cache.flush();
  }
}
