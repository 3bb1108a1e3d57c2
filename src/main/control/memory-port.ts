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
  /** Poll-list records allocated for ports that are open and not yet watched, so that watching cannot fail. */
  private readonly prepared = new WeakMap<Live, number>();

  constructor(memory: Memory, reclaimer: Reclaimer) {
    this.memory = memory;
    this.reclaimer = reclaimer;
    this.owned = Array.from({ length: memory.workers }, () => []);
  }

  /** Makes the rings of `live` and picks its worker: the one with the fewest ports. Throws ENOMEM, having kept nothing. */
  open(live: Live): void {
    const { heap } = this.memory.views;
    const record = ifRecord(live.index);
    const owner = this.pickOwner();
    const rings: number[] = [];
    const close = (): void => {
      for (const ring of rings) {
        this.drain(ring);
        this.memory.rings.release(ring, ringWords(MEMORY_RING));
      }
    };
    try {
      rings.push(this.memory.newRing(MEMORY_RING), this.memory.newRing(MEMORY_RING));
      if (this.holeOf(owner) === -1) {
        this.prepared.set(live, this.memory.heap.allocate(PortList.FIRST + (this.owned[owner] as Live[]).length + 1));
      }
    } catch (error) {
      close();
      throw error;
    }
    heap[record + If.RX_RING] = rings[0] as number;
    heap[record + If.TX_RING] = rings[1] as number;
    heap[record + If.OWNER] = owner;
    live.close = close;
  }

  /**
   * Lets its worker poll the port, once the record is published: it takes the place of one that has left, or a new list takes the old
   * one's. So a port that is destroyed can be made again without memory.
   */
  watch(live: Live): void {
    const { heap } = this.memory.views;
    const owner = this.ownerOf(live);
    const ports = [...(this.owned[owner] as Live[]), live];
    const list = this.prepared.get(live);
    this.owned[owner] = ports;
    if (list === undefined) {
      Atomics.store(heap, this.holeOf(owner), live.index);
      return;
    }
    this.prepared.delete(live);
    heap[list + PortList.KIND] = Kind.POLL_LIST;
    heap[list + PortList.COUNT] = ports.length;
    ports.forEach((port, n) => {
      heap[list + PortList.FIRST + n] = port.index;
    });
    const at = threadBlock(owner) + Thread.POLL_LIST;
    const old = heap[at];
    Atomics.store(heap, at, list);
    if (old === 0) return;
    const oldWords = PortList.FIRST + heap[old + PortList.COUNT];
    this.reclaimer.retire(oldWords * 4, () => this.memory.heap.release(old, oldWords));
  }

  /** Ends that; the first step of removal. The port's place in the list becomes a hole, so nothing is allocated. */
  unwatch(live: Live): void {
    const { heap } = this.memory.views;
    const owner = this.ownerOf(live);
    this.owned[owner] = (this.owned[owner] as Live[]).filter((port) => port !== live);
    const list = heap[threadBlock(owner) + Thread.POLL_LIST];
    const place = heap.indexOf(live.index, list + PortList.FIRST);
    Atomics.store(heap, place, 0);
  }

  /** The worker with the fewest ports; of several, one whose list has room. */
  private pickOwner(): number {
    const fewest = Math.min(...this.owned.map((ports) => ports.length));
    const owners = this.owned.flatMap((ports, owner) => (ports.length === fewest ? [owner] : []));
    return owners.find((owner) => this.holeOf(owner) !== -1) ?? (owners[0] as number);
  }

  /** A place in a worker's list that a port left behind; -1 = none. */
  private holeOf(owner: number): number {
    const { heap } = this.memory.views;
    const list = heap[threadBlock(owner) + Thread.POLL_LIST];
    if (list === 0) return -1;
    const end = list + PortList.FIRST + heap[list + PortList.COUNT];
    const hole = heap.indexOf(0, list + PortList.FIRST);
    return hole !== -1 && hole < end ? hole : -1;
  }

  private ownerOf(live: Live): number {
    return this.memory.views.heap[ifRecord(live.index) + If.OWNER];
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
