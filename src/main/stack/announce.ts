/**
 * Our own addresses on a link: duplicate address detection (RFC 4862 §5.4), announcements, and what is done when another station
 * claims one (RFC 5227 §2.4 (b)). Main.
 *
 * An IPv6 address is tentative while it is probed for, a second a probe, and is announced then; meanwhile, and for good if another has it, it is neither
 * answered for nor spoken from. An IPv4 address is announced at once and once more after 2 s; others that have it make a log line.
 */
import { Arp, writeArpRequest } from '../../shared/wire/arp.js';
import { NdFlag, writeAnnouncement, writeDadProbe } from '../../shared/wire/nd.js';
import { bytesOf, familyOf, format, keyOf, same } from './address.js';
import type { StackEnvironment, StackInterface } from './environment.js';
import { macOf, macText } from './packet.js';

/** Milliseconds an answer to a probe may take, between two announcements, and between two lines or defences about one address. */
const PROBE_MS = 1000;
const ANNOUNCE_MS = 2000;
const DEFEND_MS = 10_000;
/** Bytes of the longest frame sent here. */
const FRAME_MOST = 86;

interface Claim {
  readonly index: number;
  readonly words: Int32Array;
  state: 'tentative' | 'announcing' | 'settled' | 'duplicate';
  due: number;
  /** Probes still to be sent. */
  probes: number;
  /** When a conflict was last answered. */
  defended: number;
}

export class Announcer {
  private readonly claims = new Map<string, Claim>();

  constructor(private readonly env: StackEnvironment) {}

  /** An address was added to an interface, or the interface came up. */
  announce(index: number, words: Int32Array): void {
    const on = this.env.interfaceOf(index);
    if (on?.kind !== 'ethernet') return;
    const claim: Claim = {
      index,
      words: words.slice(),
      state: 'tentative',
      due: 0,
      probes: familyOf(words) === 6 ? this.env.dadCount() : 0,
      defended: Number.NEGATIVE_INFINITY,
    };
    this.claims.set(key(index, words), claim);
    if (claim.probes > 0) this.probe(on, claim);
    else this.say(on, claim, familyOf(words) === 4 ? 'announcing' : 'settled');
    this.tell(index);
  }

  /** Tells workers how many addresses of an interface are not to be used. */
  private tell(index: number): void {
    let count = 0;
    for (const claim of this.claims.values()) {
      const waits = claim.state === 'tentative' || claim.state === 'duplicate';
      if (claim.index === index && waits && familyOf(claim.words) === 6) count++;
    }
    this.env.tentative(index, count);
  }

  /** Whether an address may be used: it is neither tentative nor a duplicate. */
  usable(index: number, words: Int32Array): boolean {
    const state = this.claims.get(key(index, words))?.state;
    return state !== 'tentative' && state !== 'duplicate';
  }

  /** What duplicate address detection knows of an address. */
  state(index: number, words: Int32Array): 'tentative' | 'duplicate' | 'valid' {
    const state = this.claims.get(key(index, words))?.state;
    return state === 'tentative' || state === 'duplicate' ? state : 'valid';
  }

  /** Another station, at `lladdr`, says that it has an address of ours. */
  claimed(on: StackInterface, words: Int32Array, lladdr: Uint8Array): void {
    const now = this.env.nowMs();
    let claim = this.claims.get(key(on.index, words));
    if (claim === undefined) {
      claim = {
        index: on.index,
        words: words.slice(),
        state: 'settled',
        due: 0,
        probes: 0,
        defended: Number.NEGATIVE_INFINITY,
      };
      this.claims.set(key(on.index, words), claim);
    }
    if (claim.state === 'duplicate') return;
    if (claim.state === 'tentative') {
      claim.state = 'duplicate';
      this.env.log.warn(`duplicate address ${format(words)} on ${on.name}: ${macText(lladdr)} has it, it is not used`);
      return;
    }
    if (now - claim.defended < DEFEND_MS) return;
    claim.defended = now;
    this.env.log.warn(`duplicate address ${format(words)} on ${on.name}: ${macText(lladdr)} has it too`);
    this.say(on, claim, 'settled');
  }

  /** Lets the timers run. */
  tick(): void {
    const now = this.env.nowMs();
    for (const [at, claim] of this.claims) {
      const on = this.env.interfaceOf(claim.index);
      if (on === undefined || !on.addresses.some((a) => same(a.words, claim.words))) this.claims.delete(at);
      else if ((claim.state === 'tentative' || claim.state === 'announcing') && claim.due <= now) {
        if (claim.probes > 0) this.probe(on, claim);
        else this.say(on, claim, 'settled');
      } else continue;
      this.tell(claim.index);
    }
  }

  /** Forgets an interface. */
  forget(index: number): void {
    for (const [at, claim] of this.claims) if (claim.index === index) this.claims.delete(at);
    this.tell(index);
  }

  private probe(on: StackInterface, claim: Claim): void {
    claim.probes--;
    claim.due = this.env.nowMs() + PROBE_MS;
    if (!on.up) return;
    const { u8, u16 } = memory();
    const from = macOf(on.lladdr);
    const length = writeDadProbe(u8, u16, 0, from.hi, from.lo, bytesOf(claim.words), 0);
    this.env.transmit(on.index, u8.subarray(0, length), false);
  }

  /** Announces an address. */
  private say(on: StackInterface, claim: Claim, next: 'announcing' | 'settled'): void {
    claim.state = next;
    claim.due = this.env.nowMs() + ANNOUNCE_MS;
    if (!on.up) return;
    const { u8, u16 } = memory();
    const from = macOf(on.lladdr);
    if (familyOf(claim.words) === 4) {
      writeArpRequest(u16, 0, from.hi, from.lo, claim.words[0], claim.words[0]);
      this.env.transmit(on.index, u8.subarray(0, Arp.LENGTH), false);
      return;
    }
    const flags = NdFlag.OVERRIDE | (this.env.forwarding(6) ? NdFlag.ROUTER : 0);
    const length = writeAnnouncement(u8, u16, 0, from.hi, from.lo, bytesOf(claim.words), 0, flags);
    this.env.transmit(on.index, u8.subarray(0, length), false);
  }
}

function memory(): { u8: Uint8Array; u16: Uint16Array } {
  const u8 = new Uint8Array(FRAME_MOST);
  return { u8, u16: new Uint16Array(u8.buffer) };
}

function key(index: number, words: Int32Array): string {
  return `${index}/${keyOf(words)}`;
}
