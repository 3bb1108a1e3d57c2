/**
 * Live erspan interfaces: what each sends with, and the table of who takes what comes in (shared/table/tunnel.ts). Main only.
 *
 * A change builds new records and publishes each with one store; the old ones are retired. The sequence, which its worker counts, stays
 * with the interface, down and up.
 */
import { randomInt } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { Control, If, ifRecord, Kind, Offload } from '../../shared/layout/heap.js';
import type { Reclaimer } from '../../shared/smr/reclaimer.js';
import {
  breakSequenceLocks,
  forgetSequences,
  initSequences,
  readSequences,
  SEQUENCE_TABLE_WORDS,
  type SequenceCounts,
  untracked,
} from '../../shared/table/sequence.js';
import {
  buildTunnelTable,
  type ReceiverSpec,
  SESSION_ANY,
  SESSION_TYPE_1,
  Tunnel,
  TunnelFlag,
  TunnelPriority,
  TunnelState,
  tunnelTableWords,
} from '../../shared/table/tunnel.js';
import { addressWords } from '../config/address.js';
import type { InterfaceSpec } from '../config/state.js';
import { isTypeOne, type RxPriority, type TunnelSpec } from '../config/tunnel.js';
import type { Memory } from '../memory/memory.js';
import type { Live } from './interface-table.js';

/** Numbers of the sources of priorities. */
const PRIORITY = {
  packet: TunnelPriority.PACKET,
  payload: TunnelPriority.PAYLOAD,
  outer: TunnelPriority.OUTER,
} as const;

export class Tunnels {
  private readonly memory: Memory;
  private readonly reclaimer: Reclaimer;
  private readonly key = randomInt(-0x80000000, 0x80000000);
  /** Interfaces that are up. */
  private readonly receivers = new Map<Live, ReceiverSpec>();
  /** Word of each interface's `TunnelState`. */
  private readonly states = new WeakMap<Live, number>();
  private table = 0;
  private tableWords = 0;
  private sequences = 0;

  constructor(memory: Memory, reclaimer: Reclaimer) {
    this.memory = memory;
    this.reclaimer = reclaimer;
  }

  /** Makes the state of a new interface and gives its sending side to a worker, each in turn. Throws ENOMEM. */
  open(live: Live): void {
    const { heap } = this.memory.views;
    const record = ifRecord(live.index);
    if (this.sequences === 0) this.makeSequences();
    const state = this.memory.heap.allocate(TunnelState.WORDS);
    this.states.set(live, state);
    heap[record + If.OWNER] = live.index % this.memory.workers;
    heap[record + If.OFFLOADS] = Offload.NONE;
    live.close = () => {
      this.memory.heap.release(state, TunnelState.WORDS);
      forgetSequences(heap, this.sequences, live.index);
    };
  }

  /** The table of sequence numbers comes with the first tunnel, and stays. */
  private makeSequences(): void {
    const { heap } = this.memory.views;
    this.sequences = this.memory.heap.allocate(SEQUENCE_TABLE_WORDS);
    initSequences(heap, this.sequences, randomInt(-0x80000000, 0x80000000));
    Atomics.store(heap, Control.SEQUENCES, this.sequences);
  }

  /** What the sequence numbers of all streams say, and packets of streams that there was no room for. */
  counts(): { readonly streams: readonly SequenceCounts[]; readonly untracked: number } {
    const { heap } = this.memory.views;
    if (this.sequences === 0) return { streams: [], untracked: 0 };
    return { streams: readSequences(heap, this.sequences), untracked: untracked(heap, this.sequences) };
  }

  /** A worker has died: it holds no lock any more. */
  breakLocks(worker: number): void {
    if (this.sequences !== 0) breakSequenceLocks(this.memory.views.heap, this.sequences, worker);
  }

  /** Brings its records to what `after` says. Throws ENOMEM; then nothing has changed. */
  apply(live: Live, after: InterfaceSpec): void {
    const { heap } = this.memory.views;
    const word = ifRecord(live.index) + If.TUNNEL;
    const tunnel = after.tunnel as TunnelSpec;
    const built = tunnel.local === '' ? 0 : this.build(live, after, tunnel);
    const receivers = new Map(this.receivers);
    if (after.up && tunnel.local !== '') receivers.set(live, receiverOf(live, after, tunnel));
    else receivers.delete(live);
    try {
      this.publish(receivers);
    } catch (error) {
      if (built !== 0) this.memory.heap.release(built, Tunnel.WORDS);
      throw error;
    }
    const old = heap[word];
    Atomics.store(heap, word, built);
    if (old !== 0) this.reclaimer.retire(Tunnel.WORDS * 4, () => this.memory.heap.release(old, Tunnel.WORDS));
  }

  private build(live: Live, spec: InterfaceSpec, tunnel: TunnelSpec): number {
    const { heap } = this.memory.views;
    const at = this.memory.heap.allocate(Tunnel.WORDS);
    const flags =
      (isIPv6(tunnel.local) ? TunnelFlag.INET6 : 0) |
      (tunnel.df ? TunnelFlag.DF : 0) |
      (tunnel.remote === '' ? 0 : TunnelFlag.REMOTE) |
      (tunnel.vnetid === -1 ? 0 : TunnelFlag.SESSION) |
      (isTypeOne(spec) ? TunnelFlag.TYPE_1 : 0);
    heap[at + Tunnel.KIND] = Kind.TUNNEL;
    heap[at + Tunnel.FLAGS] = flags;
    heap[at + Tunnel.SESSION] = Math.max(0, tunnel.vnetid);
    heap[at + Tunnel.RDOMAIN] = tunnel.rdomain;
    heap[at + Tunnel.TTL] = tunnel.ttl;
    heap[at + Tunnel.TX_PRIORITY] = priorityNumber(tunnel.txprio);
    heap[at + Tunnel.RX_PRIORITY] = priorityNumber(tunnel.rxprio);
    heap[at + Tunnel.STATE] = this.states.get(live) as number;
    heap.set(addressWords(tunnel.local), at + Tunnel.LOCAL);
    if (tunnel.remote !== '') heap.set(addressWords(tunnel.remote), at + Tunnel.REMOTE);
    return at;
  }

  /** A table of these receivers takes the place of the one that there is, if they differ. */
  private publish(receivers: Map<Live, ReceiverSpec>): void {
    const { heap } = this.memory.views;
    const list = [...receivers.values()];
    if (JSON.stringify(list) === JSON.stringify([...this.receivers.values()])) return;
    const words = tunnelTableWords(list.length);
    const at = list.length === 0 ? 0 : this.memory.heap.allocate(words);
    if (at !== 0) buildTunnelTable(heap, at, this.key, list);
    const [old, oldWords] = [this.table, this.tableWords];
    Atomics.store(heap, Control.TUNNELS, at);
    this.table = at;
    this.tableWords = words;
    this.receivers.clear();
    for (const [live, receiver] of receivers) this.receivers.set(live, receiver);
    if (old !== 0) this.reclaimer.retire(oldWords * 4, () => this.memory.heap.release(old, oldWords));
  }
}

function priorityNumber(priority: RxPriority): number {
  return typeof priority === 'number' ? priority : PRIORITY[priority];
}

/** Four words of an address. */
function fourWords(text: string): number[] {
  return [...addressWords(text), 0, 0, 0].slice(0, 4);
}

function receiverOf(live: Live, spec: InterfaceSpec, tunnel: TunnelSpec): ReceiverSpec {
  const session = tunnel.vnetid === -1 ? SESSION_ANY : tunnel.vnetid;
  return {
    session: isTypeOne(spec) ? SESSION_TYPE_1 : session,
    rdomain: tunnel.rdomain,
    inet6: isIPv6(tunnel.local),
    local: fourWords(tunnel.local),
    remote: tunnel.remote === '' ? undefined : fourWords(tunnel.remote),
    interface: live.index,
  };
}
