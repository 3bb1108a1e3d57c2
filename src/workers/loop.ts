/**
 * The burst loop of a worker: announce, take what the rings hold, wait in epoll for devices, and again until told to stop.
 *
 * One epoll_wait a turn serves both ends: while the rings gave work, or the idle policy spins, it only looks (timeout 0), otherwise it
 * sleeps, or naps where traffic is dense (coalesce.ts). The worker is offline (SMR) exactly while it may block, for at most WAIT_MS, so
 * that a stop is seen even if no doorbell rings.
 */
import { threadId } from 'node:worker_threads';
import { Drop } from '../shared/counter/drop-reason.js';
import { Direction } from '../shared/layout/capture.js';
import { Lane, Work, workLane } from '../shared/layout/counters.js';
import { Control, IdlePolicy, If, IfFlag, IfType, ifRecord, Kind, PortList, Thread } from '../shared/layout/heap.js';
import { INJECT_ROUTED, INJECT_TRAIL, Meta } from '../shared/layout/packet.js';
import { TraceEvent } from '../shared/layout/trace.js';
import { Cast } from '../shared/ring/punt-reason.js';
import { ringOccupancy } from '../shared/ring/ring.js';
import { announce, offline, online } from '../shared/smr/reader.js';
import { makeNap } from '../shared/sys/clock.js';
import { EPOLL_DATA_WORD, EPOLL_EVENT_WORDS, EPOLLERR, EPOLLHUP, epollDel, epollWait } from '../shared/sys/epoll.js';
import { heapKib } from '../shared/sys/js-heap.js';
import { addressOf, gettid } from '../shared/sys/libc.js';
import { NextHop, NextHopKind } from '../shared/table/next-hop.js';
import { makeTrackNext } from '../shared/table/sequence.js';
import { deviceOf, makeFinishBurst, makeTransmit, queueFrame } from './burst.js';
import { tapReceived } from './capture/burst-taps.js';
import { tapFrame } from './capture/taps.js';
import { Coalesce } from './coalesce.js';
import { BURST, type Context, count, nextTurn, tick } from './context.js';
import { makeBusyQueues } from './device/busy-queues.js';
import { makeMemoryDevice } from './device/memory.js';
import { makePacketDevice } from './device/packet.js';
import { makeTapDevice } from './device/tap.js';
import { makeXdpDevice } from './device/xdp.js';
import { consume, drop, dropCopy } from './drop.js';
import { makeEthernetInput } from './ether/ethernet-input.js';
import { makeEthernetOutput, vportOutput } from './ether/ethernet-output.js';
import { makeFrameRules } from './ether/rules.js';
import { makeVebInput } from './ether/veb-input.js';
import { makeVebOutput } from './ether/veb-output.js';
import { reportGone } from './events.js';
import { Idle } from './idle.js';
import { makeIpOutput } from './inet/ip-output.js';
import { makeIp4Input } from './inet/ip4-input.js';
import { makeLocalInput } from './inet/local-input.js';
import { makeReplies } from './inet/replies.js';
import { makeIp6Input } from './inet6/ip6-input.js';
import { makePasses, Pass, passOn } from './passes.js';
import { reportPoison } from './poison.js';
import { makeErspanOutput } from './tunnel/erspan-output.js';
import { makeErspanQueue } from './tunnel/erspan-queue.js';
import { makeErspanRepeat } from './tunnel/erspan-repeat.js';
import { makeErspanStraight } from './tunnel/erspan-straight.js';
import { makeGreInput } from './tunnel/gre-input.js';
import { makeRportOutput } from './tunnel/rport.js';
import { makeSrhLocal } from './tunnel/srh-local.js';
import { makeSrv6Encap } from './tunnel/srv6-encap.js';
import { makeSrhHmac } from './tunnel/srv6-hmac.js';
import { makeLocalSid } from './tunnel/srv6-local-sid.js';
import { makeSidVia } from './tunnel/srv6-via.js';
import { makeVrfInput } from './tunnel/vrf-input.js';
import { Hop } from './work-list.js';

/** Longest sleep, in milliseconds: a worker blocked in a system call cannot be told anything but by its doorbell. */
const WAIT_MS = 50;
/** An epoll_wait that took longer than this did wait, in milliseconds. */
const WAITED_MS = 0.005;
/** Most devices served in one turn. */
const EVENTS = 64;
/** Turns with work, none of them slept, after which queues of attached interfaces are looked into without epoll. */
const BUSY_TURNS = 32;
/** Bytes of a frame, on average over its burst, from which it is taken for bulk traffic. */
const LONG = 1200;
/** Turns between two looks at the clock while there is work. */
const TICK_TURNS = 32;
/** `data0` of the doorbell's own events: no interface has index 0. */
export const DOORBELL_EVENT = 0;

/** What a worker's thread, or a test in its own, can run. */
export interface Loop {
  forward(): void;
  /** One burst from each memory port of this worker. Returns the frames taken. */
  pollMemoryPorts(): number;
  /** What other workers handed over and main injected. Returns the frames taken. */
  pollWorkers(): number;
  /** Takes frames over their virtual hops until none has one before it; the two above do it of what they took. */
  runWorkList(): void;
  /** One burst from each TAP that has frames now. Returns how many had. */
  pollTaps(): number;
  /** One burst from each queue that was taken out of epoll's hands. Returns the frames taken. */
  pollBusy(): number;
  /** Takes queues out of epoll's hands, those of attached interfaces at once and TAPs as they are dense; or puts them back. */
  lookIntoQueues(directly: boolean): void;
  /** Gives attached interfaces the slots that they lacked; in a while of work, and before the worker sleeps. */
  feed(): void;
}

/** Hops that lead to the input of an interface. */
const INPUTS = (1 << Hop.STACK_INPUT) | (1 << Hop.RPORT) | (1 << Hop.FRAME_INPUT);

/**
 * Puts one worker's pipeline together. Everything on it is a closure over `ctx`, made once in the thread: the arrays are then
 * constants to the compiler, which halves the time of a frame (ARCHITECTURE.md, "Fast path").
 */
export function makeLoop(ctx: Context): Loop {
  const { heap, block, meta, slots } = ctx;
  const workAt = workLane(ctx.views.sizes.threads, ctx.me);
  const devices = {
    tap: makeTapDevice(ctx),
    memory: makeMemoryDevice(ctx),
    packet: makePacketDevice(ctx),
    xdp: makeXdpDevice(ctx),
  };
  const { feed } = devices.xdp;
  const idle = new Idle();
  const coalesce = new Coalesce();
  const takeNap = makeNap();
  const busy = makeBusyQueues(ctx);
  const { toAddress: output, toGateway, toNeighbour } = makeEthernetOutput(ctx);
  const replies = makeReplies(ctx, output);
  const erspanRepeat = makeErspanRepeat(ctx, makeTrackNext(heap, ctx.workers === 1));
  const hmac = makeSrhHmac(ctx);
  const localInput = makeLocalInput(ctx, replies, makeGreInput(ctx, erspanRepeat), makeSrhLocal(ctx, hmac));
  const ipOutput = makeIpOutput(ctx, output, toGateway, toNeighbour);
  const transmit = makeTransmit(ctx, devices);
  const erspanQueue = makeErspanQueue(ctx, makeErspanStraight(ctx, ipOutput, transmit.list));
  const sendBurst = makeFinishBurst(ctx, transmit, erspanQueue);
  const encap = makeSrv6Encap(ctx, ipOutput, hmac);
  const vrfInput = makeVrfInput(ctx);
  const ip4Input = makeIp4Input(ctx, output, toGateway, localInput, encap, vrfInput);
  const localSid = makeLocalSid(ctx, { via: makeSidVia(ctx, output, localInput), hmac, ip4Input, vrfInput });
  const ip6Input = makeIp6Input(ctx, output, toGateway, localInput, encap, localSid, vrfInput);
  const runPasses = makePasses(ctx, { ip4Input, ip6Input, vrfInput, localSid, encap });
  const erspanOutput = makeErspanOutput(ctx, ipOutput);
  const ethernetInput = makeEthernetInput(ctx, ip4Input, ip6Input, replies);
  const rportOutput = makeRportOutput(ctx, ip4Input, ip6Input);
  const frameRules = makeFrameRules(ctx);
  const vebInput = makeVebInput(ctx, frameRules, makeVebOutput(ctx, frameRules), ethernetInput);

  const events = new Int32Array(new SharedArrayBuffer(EVENTS * EPOLL_EVENT_WORDS * 4));
  const eventsAddress = addressOf(new Uint8Array(events.buffer));

  /** What `runFollowed` runs: as the work list says it. */
  let followed = 0;

  /** The end of a burst: the passes that its frames have before them, then its outputs. */
  function finishBurst(): void {
    if (ctx.passed) runPasses();
    hmac.refill();
    sendBurst();
  }

  /** Forwards until `Control.STOP`. */
  function forward(): void {
    ctx.wokeAt[0] = performance.now();
    tick(ctx);
    ctx.epoch = online(heap, block);
    heap[block + Thread.THREAD_ID] = threadId;
    heap[block + Thread.TID] = gettid();
    heap[block + Thread.STATE] = 1;
    busy.recover();
    let turns = TICK_TURNS;
    let measured = 0;
    let busyTurns = 0;
    while (Atomics.load(heap, Control.STOP) === 0) {
      ctx.epoch = announce(heap, block, ctx.epoch);
      if (--turns <= 0) {
        turns = TICK_TURNS;
        tick(ctx);
        feed();
      }
      if (ctx.seconds !== measured) {
        measured = ctx.seconds;
        heap[block + Thread.HEAP_KIB] = heapKib();
      }
      const work = pollMemoryPorts() + pollWorkers() + pollBusy();
      nextTurn(ctx);
      const policy = heap[Control.IDLE];
      // The clock costs 55 ns, and only one policy asks for it.
      const adaptive = policy === IdlePolicy.ADAPTIVE;
      const look = work !== 0 || (adaptive ? idle.spins(policy, performance.now()) : policy === IdlePolicy.SPIN);
      const us = look ? 0 : napTime(policy);
      if (!look) {
        busyTurns = 0;
        lookIntoQueues(us !== 0);
        ctx.eager = false;
      }
      const ready = look ? lookForEvents() : us !== 0 ? nap(us) : sleep();
      const arrived = work !== 0 || ready > 0;
      const now = arrived && adaptive ? performance.now() : 0;
      for (let e = 0; e < ready; e++) serve(e * EPOLL_EVENT_WORDS);
      if (arrived) {
        if (now !== 0) idle.ends(now, ctx.bulk);
        ctx.bulk = false;
        if (++busyTurns === BUSY_TURNS) lookIntoQueues(true);
      }
    }
    offline(heap, block);
    heap[block + Thread.STATE] = 2;
  }

  /** One burst from each TAP that has frames now. Returns how many had. */
  function pollTaps(): number {
    nextTurn(ctx);
    const ready = lookForEvents();
    for (let e = 0; e < ready; e++) serve(e * EPOLL_EVENT_WORDS);
    return ready;
  }

  /** One burst from each memory port of this worker. Returns the frames taken. */
  function pollMemoryPorts(): number {
    // It is the first that a turn does.
    ctx.mirrors = heap[Control.MIRRORS];
    const list = heap[block + Thread.POLL_LIST];
    if (list === 0) return 0;
    if (ctx.poison && heap[list + PortList.KIND] !== Kind.POLL_LIST) reportPoison(ctx, -1);
    let work = 0;
    const end = list + PortList.FIRST + heap[list + PortList.COUNT];
    for (let p = list + PortList.FIRST; p < end; p++) {
      // 0 is the hole that a port left behind.
      const index = heap[p];
      const read = index === 0 ? 0 : devices.memory.receive(index);
      if (read === 0) continue;
      work += read;
      input(index);
    }
    return work;
  }

  function lookIntoQueues(directly: boolean): void {
    if (directly) busy.heat();
    else busy.cool();
    ctx.eager = busy.out() !== 0;
  }

  /** One burst from each queue that was taken out of epoll's hands. Returns the frames taken. */
  function pollBusy(): number {
    let work = 0;
    for (let k = 0; k < busy.out(); k++) {
      const index = busy.take(k);
      if (index === 0) continue;
      ctx.looking = true;
      const read = deviceOf(devices, heap[ifRecord(index) + If.TYPE]).receive(index);
      ctx.looking = false;
      if (read === 0) continue;
      work += read;
      input(index);
    }
    for (let k = busy.tapsOut() - 1; k >= 0; k--) {
      const index = busy.takeTap(k);
      const read = index === 0 ? 0 : devices.tap.receive(index);
      busy.tapGave(k, read);
      if (read === 0) continue;
      work += read;
      input(index);
    }
    return work;
  }

  /** Sends on what other workers handed over and main injected. Returns the frames taken. */
  function pollWorkers(): number {
    let work = 0;
    for (let w = 0; w <= ctx.workers; w++) {
      const ring = ctx.fromWorker[w];
      if (ring === undefined) continue;
      const n = ring.popList(slots, BURST);
      if (n === 0) continue;
      work += n;
      ctx.n = n;
      if (heap[Control.CAPTURES] !== ctx.capturesSeen) ctx.taps.seeToFilters();
      ctx.counters[workAt + Work.HANDED_IN] += n;
      ctx.borrowed = false;
      ctx.offloads = true;
      ctx.ingress = 0;
      if (w === ctx.workers) takeTrails();
      for (let i = 0; i < n; i++) {
        ctx.length[i] = meta[(slots[i] << Meta.SHIFT) + Meta.LENGTH];
        const egress = meta[(slots[i] << Meta.SHIFT) + Meta.EGRESS];
        const index = egress & 0xffff;
        const generation = (egress >>> 16) & 0x7fff;
        if (generation !== 0 && heap[ifRecord(index) + If.GENERATION] === generation) {
          if (egress < 0) takeBack(i, index);
          else sendInjected(i, index);
        } else {
          // Whoever has the index now has nothing to do with it: it is booked with the interfaces that are gone.
          count(ctx, 0, Lane.QUEUED, 1);
          dropCopy(ctx, 0, Drop.GONE);
        }
      }
      finishBurst();
      if (ctx.workList.length !== 0) runWorkList();
    }
    return work;
  }

  /** The burst, injected by main, has the trails that its frames came to main with. */
  function takeTrails(): void {
    for (let i = 0; i < ctx.n; i++) {
      const m = slots[i] << Meta.SHIFT;
      const marked = (meta[m + Meta.INGRESS] & INJECT_TRAIL) !== 0;
      ctx.workList.readTrail(ctx, i, marked);
      if (marked) meta[m + Meta.INGRESS] &= ~INJECT_TRAIL;
    }
    ctx.fromList = true;
  }

  /** Frame `i`, a packet of main's with its routing domain in its meta at `m`, goes into a tunnel or to a SID of ours, as main has found. */
  function intoTunnel(i: number, index: number, m: number): void {
    const hop = ipOutput.hop(meta[m + Meta.OFFSET], meta[m + Meta.INGRESS] & ~INJECT_ROUTED);
    meta[m + Meta.INGRESS] = index;
    const kind = heap[hop + NextHop.KIND];
    if (kind === NextHopKind.ENCAP) passOn(ctx, i, index, Pass.ENCAP, hop);
    else if (kind === NextHopKind.SID) passOn(ctx, i, index, Pass.SID, hop);
    else drop(ctx, i, index, Drop.NO_ROUTE);
  }

  /** Frame `i`, of another worker or of main, leaves by interface `index`. */
  function sendInjected(i: number, index: number): void {
    const m = slots[i] << Meta.SHIFT;
    if ((meta[m + Meta.INGRESS] & INJECT_ROUTED) !== 0) {
      intoTunnel(i, index, m);
      return;
    }
    const type = heap[ifRecord(index) + If.TYPE];
    if (type === IfType.VPORT) vportOutput(ctx, i, index);
    else if (type === IfType.RPORT) ctx.workList.defer(ctx, i, index, Hop.RPORT);
    else queueFrame(ctx, i, index);
  }

  /** Packet `i` to an address of ours, received on `index`, was put together of its fragments by main. */
  function takeBack(i: number, index: number): void {
    localInput.reassembled(i, index, meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET]);
  }

  /** Waits for a device or the doorbell. Returns the events; 0 after WAIT_MS, or at once if a ring has work after all. */
  function sleep(): number {
    Atomics.store(heap, block + Thread.ASLEEP, 1);
    const wait = ringsHaveWork() || Atomics.load(heap, Control.STOP) !== 0 ? 0 : WAIT_MS;
    goOffline();
    const ready = epollWait(heap[block + Thread.EPOLL], eventsAddress, EVENTS, wait);
    comeOnline(Work.SLEEPS);
    Atomics.store(heap, block + Thread.ASLEEP, 0);
    return ready;
  }

  /** For how many microseconds the worker is to nap, having nothing to do; 0 = it is to sleep. */
  function napTime(policy: number): number {
    const limit = policy === IdlePolicy.SLEEP ? heap[Control.COALESCE] : 0;
    if (limit === 0) return 0;
    return coalesce.nap(performance.now(), ctx.counters[workAt + Work.FRAMES], limit);
  }

  /** Lets frames gather for `us` microseconds. No doorbell is rung, as the rings are looked at soon. Returns the events there are then. */
  function nap(us: number): number {
    const left = lookForEvents();
    if (left > 0) return left;
    goOffline();
    takeNap(us);
    comeOnline(Work.NAPS);
    return lookForEvents();
  }

  /** Returns the events that there are now. */
  function lookForEvents(): number {
    return epollWait(heap[block + Thread.EPOLL], eventsAddress, EVENTS, 0);
  }

  function goOffline(): void {
    feed();
    offline(heap, block);
    tick(ctx);
  }

  function comeOnline(word: Work): void {
    ctx.epoch = online(heap, block);
    ctx.counters[workAt + word] += 1;
    const now = performance.now();
    if (now - ctx.wokeAt[0] > WAITED_MS) nextTurn(ctx);
    ctx.wokeAt[0] = now;
  }

  /** Whether any ring this worker takes from has entries: the second look between ASLEEP = 1 and sleeping. */
  function ringsHaveWork(): boolean {
    const rings = ctx.views.rings;
    for (let w = 0; w <= ctx.workers; w++) {
      const ring = ctx.fromWorker[w];
      if (ring !== undefined && ringOccupancy(rings, ring.base) !== 0) return true;
    }
    const list = heap[block + Thread.POLL_LIST];
    if (list === 0) return false;
    const end = list + PortList.FIRST + heap[list + PortList.COUNT];
    for (let p = list + PortList.FIRST; p < end; p++) {
      const index = heap[p];
      if (index !== 0 && ringOccupancy(rings, heap[ifRecord(index) + If.RX_RING]) !== 0) return true;
    }
    return false;
  }

  /** One epoll event: a burst from that TAP, or word that it is gone. Events of an interface that left meanwhile are void. */
  function serve(e: number): void {
    const index = events[e + EPOLL_DATA_WORD] & 0xffff;
    const generation = events[e + EPOLL_DATA_WORD + 1];
    if (index === DOORBELL_EVENT) return;
    const record = ifRecord(index);
    if (heap[record + If.GENERATION] !== generation) return;
    const type = heap[record + If.TYPE];
    ctx.queue = events[e + EPOLL_DATA_WORD] >>> 16;
    const read = deviceOf(devices, type).receive(index);
    if (read !== 0) {
      if (type === IfType.TAP) busy.epollGave(index, read);
      input(index);
    }
    // What becomes of a host's link main sees for itself.
    else if (type !== IfType.TAP) return;
    else if (ctx.deviceGone || (events[e] & (EPOLLERR | EPOLLHUP)) !== 0) {
      if (reportGone(ctx, index, generation)) epollDel(heap[block + Thread.EPOLL], heap[record + If.QUEUE_FD + ctx.me]);
    }
  }

  /** The burst in hand, received on interface `index`, goes its way. */
  function input(index: number): void {
    ctx.counters[workAt + Work.BURSTS] += 1;
    ctx.counters[workAt + Work.FRAMES] += ctx.n;
    if (ctx.bytes > ctx.n * LONG) coalesce.sawBulk();
    const record = ifRecord(index);
    if (heap[Control.CAPTURES] !== ctx.capturesSeen) ctx.taps.seeToFilters();
    const captures = heap[record + If.CAPTURE];
    if (captures !== 0) tapReceived(ctx, index, captures);
    const veb = heap[record + If.BRIDGE];
    const ofVeb = veb === 0 ? 0 : heap[ifRecord(veb) + If.CAPTURE];
    if ((captures | ofVeb) !== 0 && ctx.tracer.looksAt(index, veb)) ctx.tracer.split(index, veb, enter);
    else enter(index);
  }

  /** The burst in hand, received on interface `index` and shown to its captures, goes its way. */
  function enter(index: number): void {
    const record = ifRecord(index);
    const veb = heap[record + If.BRIDGE];
    if ((heap[record + If.FLAGS] & IfFlag.MONITOR) !== 0) for (let i = 0; i < ctx.n; i++) consume(ctx, i, index);
    else if (veb !== 0) vebInput(index, veb);
    else stackInputOf(index);
    finishBurst();
    if (ctx.workList.length !== 0) runWorkList();
  }

  /** The burst goes to the stack of interface `index`; what is ERSPAN to the last becomes the burst of its frames. */
  function stackInputOf(index: number): void {
    for (let i = 0; i < ctx.n; i++) {
      if (ctx.repeats === ctx.burst) i = erspanRepeat.run(i, index);
      if (i < ctx.n) ethernetInput(i, index);
    }
    const tunnel = erspanRepeat.settle();
    if (tunnel !== 0) frameInput(tunnel);
  }

  /** Takes frames over their virtual hops until none has one before it. */
  function runWorkList(): void {
    for (let what = ctx.workList.take(ctx); what !== -1; what = ctx.workList.take(ctx)) {
      const index = what & 0xffff;
      const hop = what >> 16;
      const captures = ((INPUTS >> hop) & 1) === 0 ? 0 : heap[ifRecord(reachedBy(hop, index)) + If.CAPTURE];
      if (captures !== 0 && ctx.tracer.follows(captures)) {
        followed = what;
        ctx.tracer.follow(reachedBy(hop, index), index, hop, hop === Hop.RPORT, runFollowed);
        continue;
      }
      if (ctx.tracing) ctx.tracer.event(TraceEvent.HOP, index, hop);
      runHop(hop, index);
    }
  }

  /** The interface that a burst is input on by its hop, one of INPUTS. */
  function reachedBy(hop: Hop, index: number): number {
    return hop === Hop.RPORT ? heap[ifRecord(index) + If.PEER] & 0xffff : index;
  }

  /** The burst in hand takes the hop that was `followed`, and all that come behind it. */
  function runFollowed(): void {
    const what = followed;
    runHop(what >> 16, what & 0xffff);
    runWorkList();
  }

  /** The burst in hand takes a hop at interface `index`. */
  function runHop(hop: Hop, index: number): void {
    switch (hop) {
      case Hop.VEB_INPUT:
        vebInputOf(index);
        break;
      case Hop.STACK_INPUT:
        stackInput(index);
        break;
      case Hop.IP_OUTPUT:
        sendPackets(index);
        break;
      case Hop.LOCAL_INPUT:
        receiveOwn(index);
        break;
      case Hop.TUNNEL_OUTPUT:
        erspanOutput(index);
        break;
      case Hop.FRAME_INPUT:
        frameInput(index);
        break;
      default:
        rportOutput(index);
    }
    finishBurst();
  }

  /** The burst, sent by the stack out of vport `index`, enters its bridge. */
  function vebInputOf(index: number): void {
    const veb = heap[ifRecord(index) + If.BRIDGE];
    if (veb !== 0) vebInput(index, veb);
    else for (let i = 0; i < ctx.n; i++) drop(ctx, i, index, Drop.DETACHED);
  }

  /** The burst, sent by a bridge to vport `index`, enters the stack (spec A §4). */
  function stackInput(index: number): void {
    count(ctx, index, Lane.IPACKETS, ctx.n);
    count(ctx, index, Lane.IBYTES, ctx.bytes);
    const monitor = (heap[ifRecord(index) + If.FLAGS] & IfFlag.MONITOR) !== 0;
    for (let i = 0; i < ctx.n; i++) {
      if (tapFrame(ctx, i, index, Direction.IN)) drop(ctx, i, index, Drop.FILDROP);
      else if (monitor) consume(ctx, i, index);
      else ethernetInput(i, index);
    }
  }

  /** The burst, frames that came by tunnel `index` and are counted there, enters its bridge or the stack. */
  function frameInput(index: number): void {
    const veb = heap[ifRecord(index) + If.BRIDGE];
    if (veb !== 0) vebInput(index, veb);
    else for (let i = 0; i < ctx.n; i++) ethernetInput(i, index);
  }

  /** The burst, packets that interface `index` made, goes out, each by the routes of its domain. */
  function sendPackets(index: number): void {
    for (let i = 0; i < ctx.n; i++) {
      const m = slots[i] << Meta.SHIFT;
      ipOutput.send(i, index, meta[m + Meta.OFFSET], meta[m + Meta.EGRESS]);
    }
  }

  /** The burst, packets made here, is for addresses of interface `index`. */
  function receiveOwn(index: number): void {
    for (let i = 0; i < ctx.n; i++) {
      const ip = meta[(slots[i] << Meta.SHIFT) + Meta.OFFSET];
      if (ctx.u8[ip] >> 4 === 4) localInput.v4(i, index, ip, Cast.UNICAST);
      else localInput.v6(i, index, ip, Cast.UNICAST);
    }
  }

  return { forward, pollMemoryPorts, pollWorkers, runWorkList, pollTaps, pollBusy, lookIntoQueues, feed };
}
