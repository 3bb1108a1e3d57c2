/**
 * Answers on behalf of others (proxy ARP, RFC 4389): whether one is due, and the wait before it is given, so that whoever has the
 * address speaks first (spec B §5.5). Main.
 */
import { same, within } from './address.js';
import type { StackEnvironment, StackInterface } from './environment.js';

/** Most milliseconds an answer waits, and most answers that wait (Linux's proxy_delay and proxy_qlen). */
const DELAY_MS = 800;
const WAITING_MOST = 64;

interface Answer {
  readonly index: number;
  readonly due: number;
  readonly frame: Uint8Array;
}

export class ProxyAnswers {
  private answers: Answer[] = [];

  constructor(
    private readonly env: StackEnvironment,
    private readonly random: () => number,
  ) {}

  /**
   * Whether we answer on `on` for `target`, whom `sender` asks for: there is a route to it through a different interface, the two
   * differ, and the sender is not itself to be found there.
   */
  answersFor(on: StackInterface, sender: Int32Array, target: Int32Array): boolean {
    const family = target.length === 1 ? 4 : 6;
    if (!(family === 4 ? on.proxyArp : on.proxyNd) || !this.env.forwarding(family)) return false;
    if (same(sender, target)) return false;
    const route = this.env.route(on.rdomain, family, target);
    if (route === undefined || !['connected', 'gateway', 'encap'].includes(route.kind)) return false;
    return route.out !== on.index;
  }

  /** Sends a frame on an interface in a while; drops it if too many wait. */
  later(index: number, frame: Uint8Array): void {
    if (this.answers.length >= WAITING_MOST) return;
    this.answers.push({ index, due: this.env.nowMs() + this.random() * DELAY_MS, frame });
  }

  /** Sends the answers whose time has come. */
  tick(): void {
    const now = this.env.nowMs();
    const due = this.answers.filter((answer) => answer.due <= now);
    if (due.length === 0) return;
    this.answers = this.answers.filter((answer) => answer.due > now);
    for (const answer of due)
      if (this.env.interfaceOf(answer.index)?.up) this.env.transmit(answer.index, answer.frame, false);
  }

  /** Forgets an interface. */
  forget(index: number): void {
    this.answers = this.answers.filter((answer) => answer.index !== index);
  }
}

/** Whether an address is in a net of the interface's own. */
export function isOnLink(on: StackInterface, words: Int32Array): boolean {
  return on.addresses.some((a) => within(words, a.words, a.length));
}
