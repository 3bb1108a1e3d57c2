/**
 * The router: memory, workers and everything configured, as one object. smrouterd runs one; so do tests, benches and the lab.
 *
 * Main only. Changes are made one at a time: a draft of the configuration, a plan, its steps; a step that fails has the
 * steps before it taken back, so a change is all or nothing.
 */
import { type Books, readBooks, total } from '../shared/counter/books.js';
import { Lane } from '../shared/layout/counters.js';
import { Control, If, IfType, ifRecord, Thread, threadBlock } from '../shared/layout/heap.js';
import type { RegionSizes } from '../shared/layout/regions.js';
import { RingConsumer } from '../shared/ring/ring.js';
import { WorkerEvent } from '../shared/ring/worker-event.js';
import { GraceTimeout, Reclaimer } from '../shared/smr/reclaimer.js';
import { epollAdd, epollCreate } from '../shared/sys/epoll.js';
import { eventfdCreate } from '../shared/sys/eventfd.js';
import { close } from '../shared/sys/libc.js';
import type { Action, Draft } from './cli/words.js';
import { addressWords } from './config/address.js';
import { allAddresses } from './config/link-local.js';
import { invert, plan, type Step } from './config/plan.js';
import { dropUnreachable } from './config/routes.js';
import {
  bridgeOf,
  cloneState,
  DEFAULT_SETTINGS,
  emptyState,
  removeInterface,
  type Settings,
  START_SETTINGS,
  type State,
} from './config/state.js';
import { CaptureLogger } from './control/capture-logger.js';
import { CaptureStreams } from './control/capture-streams.js';
import { CaptureWriter } from './control/capture-writer.js';
import { Captures } from './control/captures.js';
import { DropLog } from './control/drop-log.js';
import type { HostPorts } from './control/host-port.js';
import { Injector } from './control/inject.js';
import { InterfaceTable, isDevice, type Live } from './control/interface-table.js';
import { type Given, IDLE_POLICY, Interfaces } from './control/interfaces.js';
import { Neighbours } from './control/neighbours.js';
import { Punts } from './control/punts.js';
import type { Routing } from './control/routing.js';
import { applySrv6Settings } from './control/srv6.js';
import { publishSrv6Domain } from './control/srv6-domain.js';
import { stackEnvironment } from './control/stack-environment.js';
import { GRACE_DEADLINE_MS, Vebs } from './control/veb.js';
import { asControlError, ControlError } from './errors.js';
import { Memory, sizesFor } from './memory/memory.js';
import { type Held, type Leak, LeakWatch } from './pool/leaks.js';
import { Pool } from './pool/pool.js';
import { reclaimSlots, returningSlots, settleDeath } from './pool/worker-death.js';
import { Stack } from './stack/stack.js';

/** What a router tells whoever runs it. */
export interface RouterLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface RouterOptions {
  /** Worker threads, 1 to 16. */
  readonly workers: number;
  /** Settings to start with; those that size memory can only be given here. */
  readonly settings?: Settings;
  /** Region sizes, instead of what the settings say. */
  readonly sizes?: RegionSizes;
  /** False: TAPs are memory ports of the same names (no root, no /dev/net/tun). */
  readonly kernelTaps?: boolean;
  /** False: TAPs are read and written through koffi alone, as on processors without a call list (tests). */
  readonly callLists?: boolean;
  /** Poison what is freed and have readers check (tests). */
  readonly poison?: boolean;
  /** What interfaces are made of that another process had, by name: TAPs as they are, and generated link-layer addresses. */
  readonly given?: Given;
  /** What workers run instead of src/workers/entry.ts (tests). */
  readonly entry?: string;
  readonly log: RouterLog;
}

/** Above this many bytes waiting for a grace period, changes are refused with EAGAIN. */
const DEFERRED_CAP = 16 << 20;
/** A worker that has not announced for this long is reported, at most once in REPORT_MS, and later ended (spec A §7.5). */
export const STUCK_MS = 2000;
const REPORT_MS = 300_000;
const HOPELESS_MS = 10_000;
/** More deaths than this within this time, and a worker is not replaced any more: it would only die again. */
const DEATHS_MOST = 10;
const DEATHS_MS = 60_000;
/** As many moves of a veb's addresses within a second are reported, at most once in MOVES_REPORT_MS. */
const MOVES_A_SECOND = 10;
const MOVES_REPORT_MS = 60_000;
/** How often the stack's timers run. */
const STACK_TICK_MS = 100;
/** How often the links of attached interfaces are looked at. */
const LINK_LOOK_MS = 100;
/** Time a worker has to start, on a machine that is busy with other things. */
const START_MS = 30_000;

export class Router {
  readonly memory: Memory;
  readonly reclaimer: Reclaimer;
  readonly table: InterfaceTable;
  readonly vebs: Vebs;
  readonly injector: Injector;
  readonly captures: Captures;
  readonly captureWriter: CaptureWriter;
  readonly captureStreams: CaptureStreams;
  /** Main's half of layer 3. */
  readonly stack: Stack;
  readonly log: RouterLog;
  /** Hears of every grace period's length in seconds; metrics listen. */
  onGrace: (seconds: number) => void = () => {};
  /** Workers whose thread has ended and that have no new one yet. */
  readonly lostWorkers = new Set<number>();
  private readonly interfaces: Interfaces;
  private readonly pool: Pool;
  private readonly leakWatch: LeakWatch;
  /** Workers that have been replaced because they leaked, by what. */
  readonly leaks: Record<Leak['what'], number> = { memory: 0, frames: 0, superframes: 0, unfinished: 0 };
  private readonly events: RingConsumer[];
  private readonly dropLog: DropLog;
  private readonly punts: Punts;
  private readonly stackTimer: NodeJS.Timeout;
  private readonly originMs = performance.timeOrigin - 1000;
  private readonly seconds: NodeJS.Timeout;
  private readonly linkTimer: NodeJS.Timeout;
  private current: State;
  private turn: Promise<unknown> = Promise.resolve();
  private stopped = false;
  private halted = false;
  private stopping: Promise<void> | undefined;
  /** When workers died, on `performance.now()`. */
  private readonly deaths: number[] = [];
  /** Interfaces whose device is gone and that are being removed. */
  private readonly vanished = new WeakSet<Live>();
  /** Moves of each veb's addresses when last looked at, and when they were last reported. */
  private readonly moves = new WeakMap<Live, { readonly moves: number; readonly reported: number }>();
  /** When each worker was last reported as stuck. */
  private readonly reportedStuck = new Map<number, number>();

  /** Starts the workers; resolves when they forward. Throws when memory or threads cannot be had. */
  static async start(options: RouterOptions): Promise<Router> {
    const router = new Router(options);
    try {
      await router.pool.ready(START_MS);
      router.interfaces.scheduling.set(router.current.settings);
    } catch (error) {
      await router.stop();
      throw error;
    }
    return router;
  }

  private constructor(options: RouterOptions) {
    const { workers, log } = options;
    this.log = log;
    this.current = { ...emptyState(), settings: { ...(options.settings ?? DEFAULT_SETTINGS) } };
    this.memory = new Memory(options.sizes ?? sizesFor(workers + 1, options.settings), workers);
    this.memory.heap.poison = options.poison ?? false;
    if (options.callLists === false) this.memory.callCode = 0;
    const { heap, rings } = this.memory.views;
    heap[Control.IDLE] = IDLE_POLICY[this.current.settings['smrouter.idle']];
    heap[Control.COALESCE] = this.current.settings['smrouter.coalesce'];
    heap[Control.GRE] = this.current.settings['net.inet.gre.allow'];
    heap[Control.MIRRORS] = this.current.settings['smrouter.mirrors'];
    heap[Control.FORWARD4] = this.current.settings['net.inet.ip.forwarding'];
    heap[Control.FORWARD6] = this.current.settings['net.inet6.ip6.forwarding'];
    applySrv6Settings(heap, this.current.settings);
    heap[Control.POISON] = options.poison === true ? 1 : 0;
    for (let w = 0; w < workers; w++) {
      const block = threadBlock(w);
      heap[block + Thread.DOORBELL] = eventfdCreate();
      heap[block + Thread.EPOLL] = epollCreate();
      epollAdd(heap[block + Thread.EPOLL], heap[block + Thread.DOORBELL], 0, 0, true);
    }
    this.reclaimer = new Reclaimer(heap, workers, DEFERRED_CAP, (seconds) => this.onGrace(seconds));
    publishSrv6Domain(this.memory, this.reclaimer, this.current.settings);
    this.table = new InterfaceTable(this.memory);
    this.vebs = new Vebs(this.memory, this.table, this.reclaimer, () => this.uptimeSeconds());
    this.injector = new Injector(this.memory);
    this.captures = new Captures(this.memory, this.reclaimer);
    this.captureWriter = new CaptureWriter(this.memory, (fields, message) => this.log.warn(fields, message));
    this.captureStreams = new CaptureStreams(this.table, this.captures, this.captureWriter);
    const { memory, table, injector } = this;
    const neighbours = new Neighbours(memory, this.reclaimer);
    const settings = (): Readonly<Record<string, string | number>> => ({ ...this.current.settings });
    const encapPaths = () => this.routing.encapPaths;
    this.stack = new Stack(stackEnvironment({ memory, table, injector, neighbours, encapPaths, settings, log }));
    this.punts = new Punts(memory);
    this.stackTimer = setInterval(() => this.stack.tick(), STACK_TICK_MS);
    this.interfaces = new Interfaces(
      this.memory,
      this.table,
      this.reclaimer,
      this.vebs,
      options.kernelTaps ?? true,
      (live) => {
        this.stack.forget(live.index);
        this.captures.forget(live);
      },
      log,
      options.given,
    );
    const logger = new CaptureLogger(this.table, this.captures, this.captureWriter);
    this.interfaces.changeCapture = (before, after) => logger.change(before, after);
    this.linkTimer = setInterval(() => this.interfaces.hosts.poll(), LINK_LOOK_MS);
    this.events = Array.from(this.memory.eventRings, (base) => new RingConsumer(rings, base));
    this.leakWatch = new LeakWatch(this.memory);
    this.pool = new Pool(
      this.memory,
      { entry: options.entry, heapMib: this.current.settings['smrouter.workerheap'] },
      (worker, error) => {
        this.replace(worker, error).catch((again: unknown) => {
          this.log.error({ event: 'worker-replace', worker, err: again }, 'could not replace the worker');
        });
      },
      (error) => this.log.error({ event: 'pool', err: error }, 'an error of the thread pool'),
    );
    this.dropLog = new DropLog(memory, table, log);
    this.seconds = setInterval(() => this.everySecond(), 1000);
    void this.listen();
  }

  /** What is configured now. Not to be changed. */
  get state(): State {
    return this.current;
  }

  /** The forwarding tables. */
  get routing(): Routing {
    return this.interfaces.routing;
  }

  /** Whether it has not been told to end. */
  get goesOn(): boolean {
    return !this.halted && this.stopping === undefined;
  }

  /** Uptime in milliseconds, the workers' clock; it begins at 1000. */
  uptimeMs(): number {
    return performance.timeOrigin - this.originMs + performance.now() + this.memory.views.heap[Control.CLOCK_SHIFT];
  }

  /** Uptime in whole seconds, the clock of the tables. */
  uptimeSeconds(): number {
    return Math.floor(this.uptimeMs() / 1000);
  }

  /** Moves uptime ahead by `ms` for everybody: how tests see addresses age. */
  advanceClock(ms: number): void {
    this.memory.views.heap[Control.CLOCK_SHIFT] += ms;
  }

  /**
   * Makes one change: `edit` alters a draft, and what it altered is applied. Changes wait for each other. Throws
   * ControlError; then nothing has changed.
   */
  change(edit: (draft: Draft) => void): Promise<void> {
    const run = async (): Promise<void> => {
      if (!this.goesOn) throw new ControlError('ENXIO', 'the router has stopped');
      if (this.reclaimer.full) throw new ControlError('EAGAIN', 'too much waits for a grace period');
      const draft: Draft = { state: cloneState(this.current), actions: [] };
      edit(draft);
      this.refuseNewSizes(draft.state.settings);
      await this.apply(draft);
    };
    const done = this.turn.then(run, run);
    this.turn = done.catch(() => {});
    return done;
  }

  /** Resolves when no change is under way: what is configured and what lives are then the same, until the next await. */
  async settled(): Promise<void> {
    let turn: Promise<unknown> | undefined;
    while (turn !== this.turn) {
      turn = this.turn;
      await turn;
    }
  }

  /** What is missing, late or there twice of what tunnels bring, by interface, session and source. */
  sequences(): ReturnType<Interfaces['tunnels']['counts']> {
    return this.interfaces.tunnels.counts();
  }

  /** Resolves when every worker has passed a quiescent state. */
  grace(): Promise<void> {
    return this.reclaimer.barrier(GRACE_DEADLINE_MS);
  }

  /** The books as of now: they hold exactly when nothing moves. */
  books(): Books {
    const interfaces = this.table.all().map(({ index, name, type }) => ({ index, name, device: isDevice(type) }));
    const between = [...this.memory.workerRings, ...this.memory.puntRings].filter((base) => base !== 0);
    return readBooks(this.memory.views, interfaces, between, this.stack.held);
  }

  /** Attached interfaces of the host, for the process that takes this one's place. */
  get hosts(): HostPorts {
    return this.interfaces.hosts;
  }

  /** Lets workers hear of devices that were held back (`Given.hold`). */
  watchHeld(): void {
    this.interfaces.watchHeld();
  }

  /** Stops forwarding once no change is under way, and refuses changes; devices stay open until `stop`. */
  async halt(): Promise<void> {
    await this.settled();
    this.halted = true;
    await this.pool.halt();
  }

  /** Stops forwarding, closes every device, ends the threads. */
  stop(): Promise<void> {
    this.stopping ??= this.close();
    return this.stopping;
  }

  private async close(): Promise<void> {
    this.stopped = true;
    clearInterval(this.seconds);
    clearInterval(this.stackTimer);
    clearInterval(this.linkTimer);
    await this.turn;
    await this.apply({ state: { ...emptyState(), settings: this.current.settings }, actions: [] }).catch(
      (error: unknown) => {
        this.log.error({ event: 'stop', err: error }, 'could not take everything down in order');
      },
    );
    await this.captureStreams.close();
    await this.captureWriter.stop();
    await this.pool.stop();
    this.reclaimer.close();
    const { heap } = this.memory.views;
    Atomics.add(heap, Control.MAIN_BELL, 1);
    Atomics.notify(heap, Control.MAIN_BELL);
    for (let w = 0; w < this.memory.workers; w++) {
      close(heap[threadBlock(w) + Thread.EPOLL]);
      close(heap[threadBlock(w) + Thread.DOORBELL]);
    }
  }

  /** Memory and rings are made once. Throws EBUSY. */
  private refuseNewSizes(settings: Settings): void {
    for (const name of START_SETTINGS) {
      if (settings[name] === this.current.settings[name]) continue;
      throw new ControlError('EBUSY', `${name} is fixed at start; set it in the configuration file and restart`);
    }
  }

  /** Runs the plan to `draft`; on failure takes back what was done, and throws. */
  private async apply(draft: Draft): Promise<void> {
    this.checkActions(draft.actions);
    const steps = plan(this.current, draft.state);
    this.interfaces.check(steps);
    const done: Step[] = [];
    let late: GraceTimeout | undefined;
    try {
      for (const step of steps) {
        await this.interfaces.run(step).catch((error: unknown) => {
          // The step is done; only its clean-up waits, and will happen (spec A §7.5).
          if (error instanceof GraceTimeout) late = error;
          else throw error;
        });
        done.push(step);
      }
    } catch (error) {
      // What the steps retired is memory again after a grace period, and the way back may need it.
      if (done.length > 0) await this.grace().catch(() => {});
      for (const step of done.reverse()) {
        await this.interfaces.run(invert(step)).catch((again: unknown) => {
          this.log.error({ event: 'undo', step: step.op, err: again }, 'could not take a step back');
        });
      }
      throw asControlError(error);
    }
    const old = this.current;
    this.current = draft.state;
    this.announceAddresses(old, draft.state);
    for (const action of draft.actions) this.act(action);
    if (late !== undefined) throw asControlError(late);
  }

  /** Tells the stack of addresses that are new on a running interface or its link, and of interfaces that stopped. */
  private announceAddresses(old: State, next: State): void {
    for (const spec of next.interfaces.values()) {
      const before = old.interfaces.get(spec.name);
      const live = this.table.find(spec.name);
      if (live === undefined) continue;
      if (!spec.up) {
        if (before?.up === true) this.stack.forget(live.index);
        continue;
      }
      const known = before?.up === true && (spec.type !== 'vport' || sameLink(old, next, spec.name));
      const had = known ? allAddresses(before, before.lladdr || live.generated) : [];
      for (const { address } of allAddresses(spec, live.lladdr)) {
        if (!had.some((a) => a.address === address)) this.stack.announce(live.index, addressWords(address));
      }
    }
  }

  /** Actions that would fail must fail before anything changes. */
  private checkActions(actions: readonly Action[]): void {
    for (const action of actions) {
      if (action.kind !== 'deladdr') continue;
      const live = this.table.find(action.veb);
      if (live === undefined || !this.vebs.hasAddress(live, action.mac)) {
        throw new ControlError('ESRCH', `${action.mac}: no such address`);
      }
    }
  }

  private act(action: Action): void {
    const live = this.table.get(action.veb);
    if (action.kind === 'flush') this.vebs.flush(live, action.all);
    else if (this.vebs.hasAddress(live, action.mac)) this.vebs.deleteAddress(live, action.mac);
  }

  /** Ends the thread of a worker, which is then replaced as one that died. For tests, and for a thread that hangs. */
  killWorker(worker: number): Promise<void> {
    return this.pool.kill(worker);
  }

  /** Runs `start`, which starts a child, as nice as this process was when it began (`smrouter.nice` is not for the next one). */
  asInherited<T>(start: () => T): T {
    return this.interfaces.scheduling.asInherited(start);
  }

  /** The CPUs that a worker may run on. */
  cpusOf(worker: number): readonly number[] {
    return this.interfaces.scheduling.cpusOf(worker);
  }

  /** Queues that one worker alone drives: of attached interfaces, `eth1:0`, and memory ports. TAPs have one for each worker. */
  queuesOf(worker: number): string[] {
    const { heap } = this.memory.views;
    const owned = (record: number): boolean =>
      heap[record + If.TYPE] === IfType.MEMORY && heap[record + If.OWNER] === worker;
    const ports = this.table.all().filter(({ index }) => owned(ifRecord(index)));
    return [...ports.map(({ name }) => name), ...this.interfaces.hosts.queuesOf(worker)];
  }

  /** A worker will have no thread any more: the queues it had go to the others. */
  withoutWorker(worker: number): void {
    this.interfaces.giveUp(worker);
  }

  /** Workers replaced so far. */
  get replacements(): number {
    return this.deaths.length;
  }

  /**
   * A worker's thread has ended: it goes offline and its locks are broken; once the others have passed a grace period what it
   * held comes home as drop(worker-lost), and a new thread takes its number, its queues and its rings.
   */
  private async replace(worker: number, error: unknown): Promise<void> {
    const { heap } = this.memory.views;
    const block = threadBlock(worker);
    this.lostWorkers.add(worker);
    Atomics.store(heap, block + Thread.EPOCH, 0);
    heap[block + Thread.STATE] = 2;
    heap[block + Thread.HEAP_KIB] = 0;
    for (const live of this.table.all()) if (live.type === 'veb') this.vebs.breakLocks(live, worker);
    this.interfaces.tunnels.breakLocks(worker);
    this.log.error({ event: 'worker-lost', worker, err: error }, 'a worker thread ended');
    const now = performance.now();
    this.deaths.push(now);
    const tooMany = this.deaths.filter((at) => now - at < DEATHS_MS).length > DEATHS_MOST;
    const returning = returningSlots(this.memory, worker);
    if (!(await this.graceAtLast())) return;
    const slots = reclaimSlots(this.memory, worker, returning);
    const frames = settleDeath(this.memory, worker, this.table.all());
    if (this.stopped || this.halted) return;
    if (tooMany) {
      const what = { event: 'worker-given-up', worker, slots, frames };
      this.log.error(what, 'workers die too often; this one is not replaced');
      this.withoutWorker(worker);
      return;
    }
    this.pool.start(worker);
    await this.pool.ready(START_MS, [worker]);
    if (this.stopped || this.halted) return;
    this.interfaces.scheduling.pin(worker);
    this.leakWatch.forget(worker);
    this.lostWorkers.delete(worker);
    const ms = Math.round(performance.now() - now);
    this.log.warn({ event: 'worker-replaced', worker, slots, frames, ms }, 'a new thread has taken its place');
    this.pool.spare();
  }

  /** A grace period, however long it takes: another worker that hangs holds it up until that one is ended as well. False if all ends before. */
  private async graceAtLast(): Promise<boolean> {
    while (!this.stopped) {
      try {
        await this.grace();
        return true;
      } catch (error) {
        if (!(error instanceof GraceTimeout)) throw error;
      }
    }
    return false;
  }

  /** Reports a worker that has stopped announcing, and ends its thread if it stays so; one in a system call ends after it. */
  private watchWorkers(): void {
    const { heap } = this.memory.views;
    for (let w = 0; w < this.memory.workers; w++) {
      const block = threadBlock(w);
      if (heap[block + Thread.STATE] !== 1) continue;
      const silentMs = (this.uptimeMs() - heap[block + Thread.HEARTBEAT]) | 0;
      if (silentMs < STUCK_MS) continue;
      const now = performance.now();
      if (now - (this.reportedStuck.get(w) ?? -REPORT_MS) >= REPORT_MS) {
        this.reportedStuck.set(w, now);
        this.log.error(
          { event: 'worker-stuck', worker: w, silentMs, ...this.reclaimer.status() },
          'a worker is silent',
        );
      }
      if (silentMs > HOPELESS_MS) void this.pool.kill(w);
    }
  }

  /** Slots and frames that each worker holds now. */
  heldByWorkers(): Held[] {
    return this.leakWatch.held(this.table.all());
  }

  /** Ends workers that leak (pool/leaks.ts), which are then replaced. Called once a second; a leak of slots is told by many calls. */
  watchLeaks(): void {
    const { 'smrouter.workerheap': mib, 'smrouter.workerslots': percent } = this.current.settings;
    for (const leak of this.leakWatch.look({ mib, percent }, this.table.all())) {
      this.leaks[leak.what]++;
      this.log.error({ event: 'worker-leak', ...leak }, `a worker leaks ${leak.what}; it is replaced`);
      void this.pool.kill(leak.worker);
    }
  }

  private everySecond(): void {
    this.watchWorkers();
    this.watchLeaks();
    this.dropLog.look();
    for (const live of this.table.all()) {
      if (live.type !== 'veb') continue;
      this.vebs.sweepIfWanted(live);
      this.watchMoves(live);
    }
  }

  /** Reports a veb whose stations keep changing ports: two of its ports are wired to one segment, most likely. */
  private watchMoves(veb: Live): void {
    const moves = total(this.memory.views, veb.index, Lane.MOVED);
    const { moves: before = moves, reported = -REPORT_MS } = this.moves.get(veb) ?? {};
    const now = performance.now();
    const storm = moves - before >= MOVES_A_SECOND && now - reported >= MOVES_REPORT_MS;
    this.moves.set(veb, { moves, reported: storm ? now : reported });
    if (!storm) return;
    this.log.warn(
      { event: 'moves', veb: veb.name, moves: moves - before },
      'addresses keep moving between ports: a loop?',
    );
  }

  /** Waits for the workers' events; the interval above keeps the loop alive meanwhile. */
  private async listen(): Promise<void> {
    const { heap } = this.memory.views;
    const pair = new Int32Array(2);
    while (!this.stopped) {
      const seen = Atomics.load(heap, Control.MAIN_BELL);
      for (const ring of this.events) while (ring.popList(pair, 2) === 2) this.hear(pair[0], pair[1]);
      const more = this.punts.turn((punt) => this.stack.punted(punt));
      const wait = more ? undefined : Atomics.waitAsync(heap, Control.MAIN_BELL, seen);
      // There is more, or has been since: after whatever else waits for this thread, or a flood would keep it from all of that.
      if (wait?.async === true) await wait.value;
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** A TAP that somebody deleted: it leaves the configuration as `destroy` would have it. Every worker says so; once counts. */
  private hear(what: number, about: number): void {
    const find = (): Live | undefined => this.table.all().find((l) => (l.index | (l.generation << 16)) === about);
    const live = find();
    if (what !== WorkerEvent.GONE || live === undefined || this.vanished.has(live)) return;
    this.vanished.add(live);
    this.log.warn({ event: 'device-gone', interface: live.name }, 'the device went away; the interface is destroyed');
    const gone = this.change((draft) => {
      // By the time of its turn the name may belong to another interface.
      if (find() !== live) return;
      removeInterface(draft.state, live.name);
      dropUnreachable(draft.state);
    });
    gone.catch((error: unknown) => {
      this.vanished.delete(live);
      this.log.error({ event: 'device-gone', err: error }, 'could not remove it');
    });
  }
}

/** Whether a vport is on the bridge that it was on, or on none that runs: else its addresses are news to the link. */
function sameLink(old: State, next: State, vport: string): boolean {
  const [was, is] = [bridgeOf(old, vport), bridgeOf(next, vport)];
  return is?.up !== true || (was?.up === true && was.name === is.name);
}
