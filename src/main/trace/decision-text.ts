/**
 * Decisions about a frame in the words of an operator. Runs in smrctl.
 */
import { DROP_REASONS } from '../../shared/counter/drop-reason.js';
import { TraceEvent } from '../../shared/layout/trace.js';
import { PuntReason } from '../../shared/ring/punt-reason.js';
import { Learned } from '../../shared/table/etherbridge.js';
import { NextHopKind } from '../../shared/table/next-hop.js';
import { Verdict } from '../../shared/table/rule-list.js';
import { SidAction, SidFlavor } from '../../shared/table/sid.js';
import { formatIpv6 } from '../../shared/wire/ipv6-address.js';
import { dotted, mac } from './frame-summary.js';
import type { Decision } from './trace-reader.js';

/** The name of the interface of an index. */
export type NameOf = (index: number) => string;

/** A kind's name, as `--json` has it. */
export const KIND_NAMES: Readonly<Record<TraceEvent, string>> = {
  [TraceEvent.BRIDGE]: 'bridge',
  [TraceEvent.RETURNED]: 'returned',
  [TraceEvent.SPAN]: 'span',
  [TraceEvent.RULES]: 'rules',
  [TraceEvent.LEARN]: 'learn',
  [TraceEvent.LOOKUP]: 'lookup',
  [TraceEvent.STACK]: 'stack',
  [TraceEvent.ROUTE]: 'route',
  [TraceEvent.HOP]: 'hop',
  [TraceEvent.EGRESS]: 'egress',
  [TraceEvent.HANDED]: 'handed',
  [TraceEvent.PUNT]: 'punt',
  [TraceEvent.DROP]: 'drop',
  [TraceEvent.DROP_COPY]: 'drop-copy',
  [TraceEvent.CONSUME]: 'consume',
  [TraceEvent.MONITOR]: 'monitor',
};

const LEARNED: Readonly<Record<Learned, string>> = {
  [Learned.KNOWN]: 'known',
  [Learned.NEW]: 'new, learned',
  [Learned.MOVED]: 'moved',
  [Learned.FULL]: 'not learned, the table is full',
  [Learned.BUSY]: 'not learned now, another worker is at it',
};

const PUNTS: Readonly<Record<PuntReason, string>> = {
  [PuntReason.RESOLVE]: 'the neighbour is not known yet',
  [PuntReason.ARP]: 'ARP',
  [PuntReason.ND]: 'neighbour discovery',
  [PuntReason.LOCAL]: 'for the router itself',
  [PuntReason.TTL]: 'TTL or hop limit used up',
  [PuntReason.TOO_BIG]: 'longer than the MTU of its way',
  [PuntReason.NO_ROUTE]: 'no route',
  [PuntReason.REJECT]: 'rejected',
  [PuntReason.OPTION]: 'IP options',
  [PuntReason.REDIRECT]: 'a copy, as it leaves where it came from',
  [PuntReason.OUTPUT]: 'made here, the neighbour is not known yet',
  [PuntReason.ERROR]: 'to be answered with an ICMP error',
  [PuntReason.VIA]: "the SID's neighbour is not known yet",
};

/** What is next for a frame on the work list, by the numbers of workers/work-list.ts; a test holds them to it. */
const HOPS: readonly ((name: string) => string)[] = [
  (name) => `from the stack by ${name} into its bridge`,
  (name) => `from the bridge by ${name} to the stack`,
  (name) => `out of ${name}, into its peer`,
  (name) => `a packet made by ${name}, sent by its routes`,
  (name) => `a packet made here, for an address of ${name}`,
  (name) => `out of tunnel ${name}, encapsulated`,
  (name) => `taken out of tunnel ${name}`,
];

const SIDS: Readonly<Record<SidAction, string>> = {
  [SidAction.END]: 'End',
  [SidAction.END_X]: 'End.X',
  [SidAction.END_T]: 'End.T',
  [SidAction.END_DX2]: 'End.DX2',
  [SidAction.END_DX6]: 'End.DX6',
  [SidAction.END_DX4]: 'End.DX4',
  [SidAction.END_DT6]: 'End.DT6',
  [SidAction.END_DT4]: 'End.DT4',
  [SidAction.END_DT46]: 'End.DT46',
};

/** A decision as a line. */
export function decisionText({ kind, index, words, address }: Decision, nameOf: NameOf): string {
  const name = nameOf(index);
  const [a, b, c, d] = words;
  switch (kind) {
    case TraceEvent.BRIDGE:
      return `bridge ${name}, by port ${nameOf(a)}`;
    case TraceEvent.RETURNED:
      return `reserved group address: to the input of ${name} itself`;
    case TraceEvent.SPAN:
      return `a copy for span port ${name}`;
    case TraceEvent.RULES:
      return `${a === 0 ? 'in' : 'out'} rules of ${name}: ${ruleText(b, c)}`;
    case TraceEvent.LEARN:
      return `source: ${LEARNED[a as Learned] ?? '?'}, behind ${nameOf(b)}`;
    case TraceEvent.LOOKUP:
      if (a !== 0) return `destination: behind ${nameOf(a)}`;
      return `destination: ${b === 1 ? 'a group' : 'not known'}, flooded`;
    case TraceEvent.STACK:
      return `the stack of ${name}`;
    case TraceEvent.ROUTE:
      return `route in domain ${b}, IPv${a} received on ${name}: ${routeText(a, c, nameOf(d), address)}`;
    case TraceEvent.HOP:
      return HOPS[a]?.(name) ?? `on by ${name}`;
    case TraceEvent.EGRESS:
      return `leaves by ${name}, to ${macOf(a, b)}${c === 0 ? '' : `, tag ${c}`}`;
    case TraceEvent.HANDED:
      return `handed to worker ${a}, which sends by ${name}`;
    case TraceEvent.PUNT:
      return `to main from ${name}: ${PUNTS[a as PuntReason] ?? `reason ${a}`}`;
    case TraceEvent.DROP:
      return `dropped at ${name}: ${reasonText(a)}`;
    case TraceEvent.DROP_COPY:
      return `no copy by ${name}: ${reasonText(a)}`;
    case TraceEvent.CONSUME:
      return `ends at ${name}`;
    case TraceEvent.MONITOR:
      return `${name} only counts and captures (monitor)`;
    default:
      return `decision ${kind} at ${name}`;
  }
}

function ruleText(rule: number, verdict: number): string {
  if (rule === 0) return 'none matches';
  if ((verdict & Verdict.BLOCK) !== 0) return `rule ${rule} blocks`;
  return verdict === 0 ? `rule ${rule} passes` : `rule ${rule} passes, tag ${verdict >> Verdict.TAG_SHIFT}`;
}

function reasonText(reason: number): string {
  const known = DROP_REASONS[reason];
  return known === undefined ? `reason ${reason}` : `${known.name} (${known.help})`;
}

function routeText(version: number, kind: number, out: string, address: Decision['address']): string {
  switch (kind as NextHopKind) {
    case NextHopKind.NONE:
      return 'none';
    case NextHopKind.LOCAL:
      return `ours, of ${out}`;
    case NextHopKind.ANYCAST:
      return `anycast, of the routers on ${out}`;
    case NextHopKind.CONNECTED:
      return `on the link of ${out}`;
    case NextHopKind.GATEWAY:
      return `by ${gateway(version, address)} on ${out}`;
    case NextHopKind.BROADCAST:
      return `broadcast of ${out}`;
    case NextHopKind.REJECT:
      return 'reject';
    case NextHopKind.PROHIBIT:
      return 'prohibit';
    case NextHopKind.BLACKHOLE:
      return 'blackhole';
    case NextHopKind.SID: {
      const action = SIDS[(address[0] & SidFlavor.ACTION_MASK) as SidAction] ?? '?';
      return `local SID ${action}, domain ${address[1]}`;
    }
    case NextHopKind.ENCAP:
      return `SRv6 encapsulation, first segment ${gateway(6, address)}`;
    default:
      return `next hop of kind ${kind}`;
  }
}

/** Words in host order as an address. */
function gateway(version: number, words: Decision['address']): string {
  const bytes = Buffer.alloc(16);
  for (const [n, word] of words.entries()) bytes.writeInt32BE(word, n * 4);
  return version === 4 ? dotted(bytes, 0) : formatIpv6(bytes);
}

/** A link-layer address as workers read it: words of this machine's byte order. */
function macOf(hi: number, lo: number): string {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16LE(hi, 0);
  bytes.writeInt32LE(lo, 2);
  return mac(bytes, 0);
}
