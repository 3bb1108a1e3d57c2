/**
 * The neighbours of Ethernet interfaces, of ARP and ND alike (RFC 4861 §7.3, spec B §5.5): one state machine, the packets that wait
 * for an answer, and a bound on both. Main. Workers see bindings alone: what they forward to, and whether it is stale.
 *
 * ```
 *              answer                 30 s              used             5 s             3 × 1 s
 *  incomplete ────────► reachable ──────────► stale ──────────► delay ────────► probe ──────────► failed
 *      │                    ▲                   ▲                 └── answer ────┴─► reachable      │
 *      │ 3 × 1 s            └── answer          └── hearsay with another hardware address           │
 *      └───────────────────────────────────────────────────────────────────────────► failed ───────┘ a packet: incomplete
 * ```
 * A binding exists in reachable, stale, delay, probe and static; packets wait in incomplete alone.
 */
import { familyOf, keyOf } from './address.js';
import type { StackEnvironment } from './environment.js';
import type { DropReason, Fate } from './fate.js';
import { frameOf, macText, type Origin, type Packet } from './packet.js';

/** The states; `static` is an operator's word and never changes. */
export type NeighbourState = 'incomplete' | 'reachable' | 'stale' | 'delay' | 'probe' | 'failed' | 'static';

/** Timers in milliseconds and bounds: the defaults of spec B §5.5. */
const RETRANSMIT_MS = 1000;
const SOLICITATIONS = 3;
const REACHABLE_MS = 30_000;
const DELAY_MS = 5000;
/** Unused for so long, a stale entry may go, and a failed one does. */
const COLLECT_MS = 60_000;
/** Below so many entries stale ones stay (Linux's gc_thresh1). */
const KEEP = 128;
/** Bytes that wait for one neighbour (Linux's unres_qlen_bytes), and for all. */
const QUEUE_BYTES = 212_992;
const QUEUES_BYTES = 8 << 20;
const ENTRIES_MOST = 8192;

/** A packet that waits. */
interface Waiting {
  readonly packet: Packet;
  readonly origin: Origin;
}

interface Entry {
  readonly key: string;
  readonly index: number;
  readonly words: Int32Array;
  state: NeighbourState;
  lladdr: Uint8Array | undefined;
  /** When the state's timer ends. */
  due: number;
  /** Solicitations sent in this state. */
  asked: number;
  /** When its hardware address last changed. */
  changed: number;
  router: boolean;
  queue: Waiting[];
  bytes: number;
}

/** An entry as `arp -a` and `ndp -a` list it. */
export interface Neighbour {
  readonly index: number;
  readonly family: 4 | 6;
  readonly words: Int32Array;
  readonly lladdr: Uint8Array | undefined;
  readonly state: NeighbourState;
  /** ND says that it is a router. */
  readonly router: boolean;
  /** Milliseconds until the state changes; undefined if only news will. */
  readonly dueMs: number | undefined;
}

/** What somebody said about a neighbour. */
export interface News {
  /** Undefined: not said, it is where it was. */
  readonly lladdr: Uint8Array | undefined;
  /** Makes an entry if there is none. */
  readonly create: boolean;
  /** It answers a question of ours. */
  readonly confirmed: boolean;
  /** Another hardware address replaces the one we have; otherwise it makes ours stale (RFC 4861 §7.2.5). */
  readonly override: boolean;
  /** An address younger than this many milliseconds is not replaced. */
  readonly lockMs: number;
  readonly router?: boolean;
}

/** What the machine cannot do itself. */
export interface NeighbourHooks {
  /** Asks for a neighbour: all, or the one at `lladdr`. */
  solicit(index: number, words: Int32Array, lladdr: Uint8Array | undefined): void;
  /** A packet could not be delivered, and this is what came of it; an error may be due. */
  unreachable(packet: Packet, origin: Origin): void;
  random(): number;
}

/** Which goes first when the table is full; others stay. Sets keep the order in which entries came. */
const EVICTED = ['failed', 'stale', 'incomplete'] as const;

export class Neighbours {
  private readonly entries = new Map<string, Entry>();
  private readonly evictable = { failed: new Set<Entry>(), stale: new Set<Entry>(), incomplete: new Set<Entry>() };
  private bytes = 0;
  private waiting = 0;

  constructor(
    private readonly env: StackEnvironment,
    private readonly hooks: NeighbourHooks,
  ) {}

  /** Punted packets that wait for an answer. */
  get held(): number {
    return this.waiting;
  }

  /** Sends a packet to a neighbour on an Ethernet interface, now or once it answers. */
  send(index: number, words: Int32Array, packet: Packet, origin: Origin): Fate {
    const entry = this.entries.get(key(index, words)) ?? this.create(index, words);
    if (entry === undefined) return 'neighbour-full';
    if (entry.state === 'failed') this.begin(entry);
    if (entry.state === 'incomplete') return this.enqueue(entry, packet, origin);
    if (entry.state === 'stale') this.become(entry, 'delay');
    return this.transmit(entry, packet, origin);
  }

  /** Takes in what somebody said about a neighbour. */
  learn(index: number, words: Int32Array, news: News): void {
    const known = this.entries.get(key(index, words));
    const entry = known ?? (news.create && news.lladdr !== undefined ? this.make(index, words) : undefined);
    if (entry === undefined || entry.state === 'static') return;
    if (entry.lladdr === undefined) {
      if (news.lladdr !== undefined) this.resolve(entry, news.lladdr, news);
      return;
    }
    const now = this.env.nowMs();
    const differs = news.lladdr !== undefined && macText(news.lladdr) !== macText(entry.lladdr);
    if (differs && !news.override) {
      if (entry.state === 'reachable') this.become(entry, 'stale');
      return;
    }
    if (differs && now - entry.changed < news.lockMs) return;
    if (differs) {
      entry.lladdr = news.lladdr;
      entry.changed = now;
    }
    if (news.router !== undefined) entry.router = news.router;
    if (news.confirmed) this.become(entry, 'reachable');
    else if (differs) this.become(entry, 'stale');
  }

  /** Hardware address of a neighbour, if it is known. */
  lladdr(index: number, words: Int32Array): Uint8Array | undefined {
    return this.entries.get(key(index, words))?.lladdr;
  }

  /** Lets the timers run; call it every 100 ms. */
  tick(): void {
    const now = this.env.nowMs();
    for (const entry of this.entries.values()) {
      if (entry.state === 'stale' && this.env.neighbourUsed(entry.index, familyOf(entry.words), entry.words)) {
        this.become(entry, 'delay');
      } else if (entry.due <= now) {
        this.expire(entry, now);
      }
    }
  }

  /** Adds an operator's entry, or makes one of an entry that is there; packets that wait go out. */
  addStatic(index: number, words: Int32Array, lladdr: Uint8Array): void {
    const entry = this.entries.get(key(index, words)) ?? this.insert(index, words);
    entry.lladdr = lladdr;
    this.become(entry, 'static');
    this.flush(entry);
  }

  /** Removes an entry; false if there is none. */
  remove(index: number, words: Int32Array): boolean {
    const entry = this.entries.get(key(index, words));
    if (entry !== undefined) this.discard(entry, 'unreachable');
    return entry !== undefined;
  }

  /** Removes all entries of an interface; packets that wait are dropped as `down`. */
  forget(index: number): void {
    for (const entry of this.entries.values()) if (entry.index === index) this.discard(entry, 'down');
  }

  /** All entries, oldest first. */
  list(): Neighbour[] {
    const now = this.env.nowMs();
    return [...this.entries.values()].map((entry) => ({
      index: entry.index,
      family: familyOf(entry.words),
      words: entry.words,
      lladdr: entry.lladdr,
      state: entry.state,
      router: entry.router,
      dueMs: entry.due === Number.POSITIVE_INFINITY ? undefined : Math.max(0, entry.due - now),
    }));
  }

  /** An entry that asks, if there is room. */
  private create(index: number, words: Int32Array): Entry | undefined {
    const entry = this.make(index, words);
    if (entry !== undefined) this.begin(entry);
    return entry;
  }

  /** An entry in a table that has room, or makes some. */
  private make(index: number, words: Int32Array): Entry | undefined {
    if (this.entries.size >= ENTRIES_MOST) {
      const victim = EVICTED.map((state) => this.evictable[state].values().next().value).find((e) => e !== undefined);
      if (victim === undefined) return undefined;
      this.discard(victim, 'neighbour-full');
    }
    return this.insert(index, words);
  }

  private insert(index: number, words: Int32Array): Entry {
    const entry: Entry = {
      key: key(index, words),
      index,
      words: words.slice(),
      state: 'incomplete',
      lladdr: undefined,
      due: Number.POSITIVE_INFINITY,
      asked: 0,
      changed: this.env.nowMs(),
      router: false,
      queue: [],
      bytes: 0,
    };
    this.entries.set(entry.key, entry);
    this.evictable.incomplete.add(entry);
    return entry;
  }

  /** Begins to ask. */
  private begin(entry: Entry): void {
    this.become(entry, 'incomplete');
    this.ask(entry);
  }

  private ask(entry: Entry): void {
    entry.asked++;
    entry.due = this.env.nowMs() + RETRANSMIT_MS;
    this.hooks.solicit(entry.index, entry.words, entry.lladdr);
  }

  /** Enters a state, also the one it is in: its timer begins, and workers are told. */
  private become(entry: Entry, state: NeighbourState): void {
    const now = this.env.nowMs();
    if (entry.state in this.evictable) this.evictable[entry.state as 'stale'].delete(entry);
    if (state in this.evictable) this.evictable[state as 'stale'].add(entry);
    entry.state = state;
    entry.asked = 0;
    entry.due = now + this.lasts(state);
    if (entry.lladdr === undefined || state === 'delay' || state === 'probe') return;
    this.env.bindNeighbour(entry.index, familyOf(entry.words), entry.words, entry.lladdr, state === 'stale');
  }

  private lasts(state: NeighbourState): number {
    if (state === 'reachable') return REACHABLE_MS * (0.5 + this.hooks.random());
    if (state === 'delay') return DELAY_MS;
    return state === 'stale' || state === 'failed' ? COLLECT_MS : Number.POSITIVE_INFINITY;
  }

  /** The timer of a state has ended. */
  private expire(entry: Entry, now: number): void {
    if (entry.state === 'reachable') {
      this.become(entry, 'stale');
    } else if (entry.state === 'stale') {
      if (this.entries.size > KEEP) this.discard(entry, 'unreachable');
      else entry.due = now + RETRANSMIT_MS; // Looked at again when there may be more.
    } else if (entry.state === 'delay') {
      this.become(entry, 'probe');
      this.ask(entry);
    } else if (entry.state === 'failed') {
      this.discard(entry, 'unreachable');
    } else if (entry.asked < SOLICITATIONS) {
      this.ask(entry);
    } else {
      this.fail(entry);
    }
  }

  /** Nobody has answered: the neighbour is not there, and those who wait for it are told. */
  private fail(entry: Entry): void {
    this.unbind(entry);
    this.become(entry, 'failed');
    for (const one of this.takeQueue(entry)) {
      this.book(one, 'unreachable');
      this.hooks.unreachable(one.packet, one.origin);
    }
  }

  /** The first hardware address of an entry has come. */
  private resolve(entry: Entry, lladdr: Uint8Array, news: News): void {
    entry.lladdr = lladdr;
    entry.changed = this.env.nowMs();
    entry.router = news.router ?? false;
    this.become(entry, news.confirmed ? 'reachable' : 'stale');
    if (entry.state === 'stale' && entry.queue.length > 0) this.become(entry, 'delay');
    this.flush(entry);
  }

  /** Sends what waits, in the order in which it came. */
  private flush(entry: Entry): void {
    for (const one of this.takeQueue(entry)) {
      const fate = this.transmit(entry, one.packet, one.origin);
      if (one.origin.counted) this.waiting--;
      if (one.origin.counted && fate !== 'sent') this.env.drop(one.origin.ingress, fate as DropReason);
    }
  }

  private transmit(entry: Entry, packet: Packet, origin: Origin): Fate {
    const out = this.env.interfaceOf(entry.index);
    if (out === undefined || !out.up) return 'down';
    const frame = frameOf(packet, entry.lladdr as Uint8Array, out.lladdr);
    const { counted, trail, superframe } = origin;
    return this.env.transmit(entry.index, frame, counted, trail, superframe) ? 'sent' : 'transmit';
  }

  private enqueue(entry: Entry, packet: Packet, origin: Origin): Fate {
    const size = packet.u8.length;
    if (this.bytes + size > QUEUES_BYTES || size > QUEUE_BYTES) return 'neighbour-full';
    while (entry.bytes + size > QUEUE_BYTES) {
      const oldest = entry.queue.shift() as Waiting;
      this.release(entry, oldest);
      this.book(oldest, 'neighbour-full');
    }
    entry.queue.push({ packet, origin });
    entry.bytes += size;
    this.bytes += size;
    if (origin.counted) this.waiting++;
    return 'held';
  }

  private release(entry: Entry, one: Waiting): void {
    entry.bytes -= one.packet.u8.length;
    this.bytes -= one.packet.u8.length;
  }

  private takeQueue(entry: Entry): Waiting[] {
    const queue = entry.queue;
    entry.queue = [];
    for (const one of queue) this.release(entry, one);
    return queue;
  }

  /** Books a packet that waited, unless it is the router's own. */
  private book(one: Waiting, reason: DropReason): void {
    if (!one.origin.counted) return;
    this.waiting--;
    this.env.drop(one.origin.ingress, reason);
  }

  private unbind(entry: Entry): void {
    if (entry.lladdr === undefined) return;
    entry.lladdr = undefined;
    this.env.unbindNeighbour(entry.index, familyOf(entry.words), entry.words);
  }

  private discard(entry: Entry, reason: DropReason): void {
    this.unbind(entry);
    this.entries.delete(entry.key);
    if (entry.state in this.evictable) this.evictable[entry.state as 'stale'].delete(entry);
    for (const one of this.takeQueue(entry)) this.book(one, reason);
  }
}

function key(index: number, words: Int32Array): string {
  return `${index}/${keyOf(words)}`;
}
