/**
 * A router without threads: the same memory, tables and control code, and a worker's context in this thread. Benches and
 * tests call its loop functions themselves, so nothing runs but what they call.
 */

import { ifconfig } from '../../src/main/cli/ifconfig.js';
import { route } from '../../src/main/cli/route.js';
import type { Draft } from '../../src/main/cli/words.js';
import { addressWords } from '../../src/main/config/address.js';
import { splitWords } from '../../src/main/config/lines.js';
import { plan } from '../../src/main/config/plan.js';
import { cloneState, DEFAULT_SETTINGS, emptyState, type Settings, type State } from '../../src/main/config/state.js';
import { Captures } from '../../src/main/control/captures.js';
import { InterfaceTable, isDevice } from '../../src/main/control/interface-table.js';
import { Interfaces } from '../../src/main/control/interfaces.js';
import { Neighbours } from '../../src/main/control/neighbours.js';
import { Punts } from '../../src/main/control/punts.js';
import type { Routing } from '../../src/main/control/routing.js';
import { applySrv6Settings } from '../../src/main/control/srv6.js';
import { Vebs } from '../../src/main/control/veb.js';
import { Memory, sizesFor } from '../../src/main/memory/memory.js';
import { type Books, readBooks } from '../../src/shared/counter/books.js';
import { Lane, laneOf } from '../../src/shared/layout/counters.js';
import { Control, Thread, threadBlock } from '../../src/shared/layout/heap.js';
import { Reclaimer } from '../../src/shared/smr/reclaimer.js';
import { epollCreate } from '../../src/shared/sys/epoll.js';
import { addressOf } from '../../src/shared/sys/libc.js';
import { Context } from '../../src/workers/context.js';
import { type Loop, makeLoop } from '../../src/workers/loop.js';

export class OfflineRouter {
  readonly memory: Memory;
  readonly table: InterfaceTable;
  readonly vebs: Vebs;
  /** What the routed path looks up; nobody asks, so whoever needs one binds it. */
  readonly neighbours: Neighbours;
  readonly captures: Captures;
  readonly ctx: Context;
  private readonly reclaimer: Reclaimer;
  private readonly interfaces: Interfaces;
  private made: Loop | undefined;
  private state: State = emptyState();

  /** `taps`: TAPs are the kernel's; else they are memory ports. `code`: false = system calls are made without machine code. */
  constructor(workers = 1, me = 0, settings: Settings = DEFAULT_SETTINGS, taps = false, code = true) {
    this.memory = new Memory(sizesFor(workers + 1, settings), workers);
    const reclaimer = new Reclaimer(this.memory.views.heap, workers, 1 << 30, () => {});
    this.reclaimer = reclaimer;
    this.table = new InterfaceTable(this.memory);
    this.vebs = new Vebs(this.memory, this.table, reclaimer, () => this.ctx.seconds);
    this.captures = new Captures(this.memory, reclaimer);
    this.interfaces = new Interfaces(this.memory, this.table, reclaimer, this.vebs, taps, (live) =>
      this.captures.forget(live),
    );
    if (taps) this.memory.views.heap[threadBlock(me) + Thread.EPOLL] = epollCreate();
    this.neighbours = new Neighbours(this.memory, reclaimer);
    // As the settings have it unless told.
    this.memory.views.heap[Control.FORWARD4] = 1;
    this.memory.views.heap[Control.FORWARD6] = 1;
    applySrv6Settings(this.memory.views.heap, settings);
    this.memory.views.heap[Control.GRE] = 1;
    this.memory.views.heap[Control.MIRRORS] = DEFAULT_SETTINGS['smrouter.mirrors'];
    const { regions, returnRings, workerRings, eventRings, puntRings } = this.memory;
    const callCode = code ? this.memory.callCode : 0;
    const ledger = this.memory.ledgers[me] as Int32Array;
    const originMs = performance.timeOrigin - 1000;
    this.ctx = new Context(
      { regions, me, workers, returnRings, workerRings, eventRings, puntRings, originMs, ledger, callCode },
      addressOf,
    );
  }

  /** The worker's pipeline, made when first asked for: a thread that makes only one runs it at full speed. */
  get loop(): Loop {
    this.made ??= makeLoop(this.ctx);
    return this.made;
  }

  /** How often live rules use a tag. */
  tagUses(name: string): number {
    return this.vebs.rules.tags.uses(name);
  }

  /** The forwarding tables. */
  get routing(): Routing {
    return this.interfaces.routing;
  }

  /** Resolves when what was unlinked has been reclaimed. */
  grace(): Promise<void> {
    return this.reclaimer.barrier(5000);
  }

  /** What is configured now. Not to be changed. */
  get configured(): State {
    return this.state;
  }

  /** The books as of now. */
  books(): Books {
    const interfaces = this.table.all().map(({ index, name, type }) => ({ index, name, device: isDevice(type) }));
    const between = [...this.memory.workerRings, ...this.memory.puntRings].filter((base) => base !== 0);
    return readBooks(this.memory.views, interfaces, between);
  }

  /** A function that takes what the worker has punted, as main would, and books it as consumed. */
  takePunts(): () => void {
    const punts = new Punts(this.memory);
    const { counters } = this.memory.views;
    return () => {
      while (
        punts.turn(({ index }) => {
          counters[laneOf(this.memory.me, index) + Lane.CONSUMED] += 1;
        })
      );
    };
  }

  /** Tells the worker where a neighbour is: six bytes, on the interface of that name. */
  bindNeighbour(name: string, address: string, lladdr: Uint8Array): void {
    this.neighbours.bind(this.table.get(name).index, addressWords(address), lladdr, false);
  }

  /** Applies lines of `ifconfig` words, all in one change. */
  ifconfig(...lines: string[]): Promise<void> {
    return this.change(ifconfig, lines);
  }

  /** Applies lines of `route` words, all in one change. */
  route(...lines: string[]): Promise<void> {
    return this.change(route, lines);
  }

  private change(word: typeof ifconfig, lines: readonly string[]): Promise<void> {
    return this.edit((draft) => {
      for (const line of lines) word(draft, splitWords(line));
    });
  }

  /** Applies lines of `ifconfig` and `route`, all in one change. */
  configure(...lines: string[]): Promise<void> {
    return this.edit((draft) => {
      for (const [word, ...args] of lines.map(splitWords)) (word === 'route' ? route : ifconfig)(draft, args);
    });
  }

  /** Makes one change of the configuration. */
  async edit(change: (draft: Draft) => void): Promise<void> {
    const draft: Draft = { state: cloneState(this.state), actions: [] };
    change(draft);
    for (const step of plan(this.state, draft.state)) await this.interfaces.run(step);
    this.state = draft.state;
  }
}
