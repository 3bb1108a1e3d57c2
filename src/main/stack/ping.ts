/**
 * Echo requests from the router itself: what `ping` shows (RFC 792, RFC 4443 §4.1). Main; its timers run with the stack's tick.
 */

import { finishIcmp, Icmp, IcmpType } from '../../shared/wire/icmp.js';
import { finishIcmp6, Icmp6, Icmp6Type } from '../../shared/wire/icmp6.js';
import { headerLength, Ipv4, writeIpv4 } from '../../shared/wire/ipv4.js';
import { Ipv6, writeIpv6 } from '../../shared/wire/ipv6.js';
import { read16, write16 } from '../../shared/wire/network-order.js';
import { Protocol } from '../../shared/wire/protocol.js';
import { ControlError } from '../errors.js';
import { familyOf, isLinkLocal, writeWords } from './address.js';
import type { StackEnvironment } from './environment.js';
import type { Fate } from './fate.js';
import { IP, makePacket, type Packet, sourceOf } from './packet.js';
import { quote } from './quote.js';
import type { Sources } from './sources.js';

/** Whom to ask, and how. */
export interface PingOptions {
  readonly rdomain: number;
  readonly destination: Int32Array;
  /** Interface of a link-local destination. */
  readonly scope?: number;
  /** An address of ours; chosen by route if left out. */
  readonly source?: Int32Array;
  /** Bytes behind the ICMP header, 0 … 65000; 56 if left out. */
  readonly size?: number;
  /** Requests; 4 if left out. */
  readonly count?: number;
  /** Milliseconds between two requests, in steps of the tick; 1000 if left out. */
  readonly intervalMs?: number;
  /** Milliseconds for which an answer is waited for; 1000 if left out. */
  readonly timeoutMs?: number;
  /** TTL or hop limit; 255 if left out. */
  readonly ttl?: number;
  /** Told of each request's end as it comes. */
  readonly onEvent?: (event: PingEvent) => void;
  /** Ends the run early, with what has come so far. */
  readonly signal?: AbortSignal;
}

/** What came of one request. */
export type PingEvent =
  | {
      readonly kind: 'reply' | 'duplicate';
      readonly sequence: number;
      readonly from: Int32Array;
      /** Bytes of the ICMP message. */
      readonly bytes: number;
      readonly ttl: number;
      readonly rttMs: number;
    }
  /** An ICMP error: its type and code, of the destination's family. */
  | {
      readonly kind: 'error';
      readonly sequence: number;
      readonly from: Int32Array;
      readonly type: number;
      readonly code: number;
    }
  /** It was not sent, or its next hop does not answer. */
  | { readonly kind: 'unsent'; readonly sequence: number; readonly reason: Fate }
  | { readonly kind: 'timeout'; readonly sequence: number };

/** What came of all of them. */
export interface PingReport {
  readonly source: Int32Array | undefined;
  readonly sent: number;
  readonly received: number;
  readonly events: readonly PingEvent[];
}

interface Run {
  readonly id: number;
  readonly options: PingOptions;
  readonly source: Int32Array;
  /** When requests without an answer were sent, by sequence number. */
  readonly open: Map<number, number>;
  readonly sentAt: Map<number, number>;
  readonly events: PingEvent[];
  sent: number;
  received: number;
  nextAt: number;
  done(report: PingReport): void;
}

/** Most runs at once. */
const RUNS_MOST = 64;

export class Pinger {
  private readonly runs = new Map<number, Run>();
  private id: number;

  constructor(
    private readonly env: StackEnvironment,
    private readonly sources: Sources,
    private readonly send: (packet: Packet, rdomain: number, scope: number) => Fate,
    random: () => number,
  ) {
    this.id = Math.floor(random() * 0x10000);
  }

  /** Sends requests and resolves when each has ended. Rejects with EAGAIN if there are too many runs, or where there is no address to ask from. */
  start(options: PingOptions): Promise<PingReport> {
    if (this.runs.size >= RUNS_MOST) {
      return Promise.reject(new ControlError('EAGAIN', `no more than ${RUNS_MOST} pings at once`));
    }
    const source = options.source ?? this.chooseSource(options);
    if (source === undefined) return Promise.reject(new Error('ping: no address to ask from'));
    do this.id = (this.id + 1) & 0xffff;
    while (this.runs.has(this.id));
    return new Promise((done) => {
      const run: Run = {
        id: this.id,
        options,
        source,
        open: new Map(),
        sentAt: new Map(),
        events: [],
        sent: 0,
        received: 0,
        nextAt: this.env.nowMs(),
        done,
      };
      this.runs.set(run.id, run);
      options.signal?.addEventListener('abort', () => this.end(run), { once: true });
      if (options.signal?.aborted) this.end(run);
      else this.advance(run);
    });
  }

  /** Lets the timers run. */
  tick(): void {
    for (const run of this.runs.values()) this.advance(run);
  }

  /** An echo reply at byte `at` of a checked packet. */
  reply(packet: Packet, at: number, ttl: number): void {
    const run = this.runs.get(read16(packet.u8, IP + at + Icmp.ID));
    const sequence = read16(packet.u8, IP + at + Icmp.SEQUENCE);
    const sentAt = run?.sentAt.get(sequence);
    if (run === undefined || sentAt === undefined || familyOf(run.options.destination) !== packet.version) return;
    const first = run.open.delete(sequence);
    if (first) run.received++;
    this.tell(run, {
      kind: first ? 'reply' : 'duplicate',
      sequence,
      from: sourceOf(packet),
      bytes: packet.length - at,
      ttl,
      rttMs: this.env.nowMs() - sentAt,
    });
    this.endIfOver(run);
  }

  /** An ICMP error at byte `at` of a checked packet; it may quote a request. */
  error(packet: Packet, at: number): void {
    const quoted = quote(packet, at);
    const found = quoted && this.find(quoted);
    if (found === undefined || !found.run.open.delete(found.sequence)) return;
    const type = packet.u8[IP + at + Icmp.TYPE];
    const code = packet.u8[IP + at + Icmp.CODE];
    this.tell(found.run, { kind: 'error', sequence: found.sequence, from: sourceOf(packet), type, code });
    this.endIfOver(found.run);
  }

  /** A packet of ours, perhaps a request, could not be delivered to its next hop. */
  unsent(packet: Packet, reason: Fate): void {
    const found = this.find(packet);
    if (found === undefined || !found.run.open.delete(found.sequence)) return;
    this.tell(found.run, { kind: 'unsent', sequence: found.sequence, reason });
    this.endIfOver(found.run);
  }

  /** The run and the request that a packet of ours is. */
  private find(packet: Packet): { readonly run: Run; readonly sequence: number } | undefined {
    const { u8, version } = packet;
    const at = version === 4 ? headerLength(u8, IP) : Ipv6.LENGTH;
    if (packet.length < at + Icmp.LENGTH) return undefined;
    const protocol = version === 4 ? u8[IP + Ipv4.PROTOCOL] : u8[IP + Ipv6.NEXT_HEADER];
    const isEcho = version === 4 ? u8[IP + at] === IcmpType.ECHO : u8[IP + at] === Icmp6Type.ECHO;
    if (protocol !== (version === 4 ? Protocol.ICMP : Protocol.ICMPV6) || !isEcho) return undefined;
    const run = this.runs.get(read16(u8, IP + at + Icmp.ID));
    if (run === undefined || familyOf(run.options.destination) !== version) return undefined;
    return { run, sequence: read16(u8, IP + at + Icmp.SEQUENCE) };
  }

  private chooseSource(options: PingOptions): Int32Array | undefined {
    const { destination, rdomain } = options;
    const scope = options.scope ?? -1;
    if (isLinkLocal(destination)) return this.sources.inDomain(rdomain, destination, scope, scope);
    const route = this.env.route(rdomain, familyOf(destination), destination);
    if (route?.kind === 'local') return destination;
    return this.sources.inDomain(
      rdomain,
      route?.out === undefined ? destination : (route.gateway ?? destination),
      route?.out ?? -1,
      -1,
    );
  }

  private advance(run: Run): void {
    const now = this.env.nowMs();
    const timeout = run.options.timeoutMs ?? 1000;
    for (const [sequence, sentAt] of run.open) {
      if (now - sentAt < timeout) continue;
      run.open.delete(sequence);
      this.tell(run, { kind: 'timeout', sequence });
    }
    if (run.sent < (run.options.count ?? 4) && run.nextAt <= now) this.request(run, now);
    this.endIfOver(run);
  }

  private request(run: Run, now: number): void {
    const sequence = run.sent & 0xffff;
    run.sent++;
    run.nextAt = now + (run.options.intervalMs ?? 1000);
    run.open.set(sequence, now);
    run.sentAt.set(sequence, now);
    const fate = this.send(echo(run, sequence), run.options.rdomain, run.options.scope ?? -1);
    if (fate === 'sent' || fate === 'held' || !run.open.delete(sequence)) return;
    this.tell(run, { kind: 'unsent', sequence, reason: fate });
  }

  private tell(run: Run, event: PingEvent): void {
    run.events.push(event);
    run.options.onEvent?.(event);
  }

  private endIfOver(run: Run): void {
    if (run.open.size === 0 && run.sent >= (run.options.count ?? 4)) this.end(run);
  }

  private end(run: Run): void {
    if (!this.runs.delete(run.id)) return;
    run.done({ source: run.source, sent: run.sent, received: run.received, events: run.events });
  }
}

/** The echo request `sequence` of a run. */
function echo(run: Run, sequence: number): Packet {
  const { destination, size = 56, ttl = 255 } = run.options;
  const version = familyOf(destination);
  const header = version === 4 ? Ipv4.LENGTH : Ipv6.LENGTH;
  const length = Icmp.LENGTH + size;
  const packet = makePacket(version, header + length);
  const { u8, u16 } = packet;
  const at = IP + header;
  u8[at + Icmp.TYPE] = version === 4 ? IcmpType.ECHO : Icmp6Type.ECHO;
  write16(u8, at + Icmp6.ID, run.id);
  write16(u8, at + Icmp6.SEQUENCE, sequence);
  for (let k = 0; k < size; k++) u8[at + Icmp.LENGTH + k] = k;
  if (version === 4) {
    finishIcmp(u8, u16, at, length);
    writeIpv4(u16, IP, 0, packet.length, sequence, 0, ttl, Protocol.ICMP, run.source[0], destination[0]);
  } else {
    writeIpv6(u8, IP, 0, 0, length, Protocol.ICMPV6, ttl);
    writeWords(u8, IP + Ipv6.SOURCE, run.source);
    writeWords(u8, IP + Ipv6.DESTINATION, destination);
    finishIcmp6(u8, u16, IP, at, length);
  }
  return packet;
}
