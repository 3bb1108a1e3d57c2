/**
 * What a veb does to frames, written from the specification alone on plain values (spec A §1.3–§1.5, §1.8, §2.3, rows.md):
 * who receives which copy, in which order and with which tag, and what is counted. Nothing of the fast path is used.
 */
import type { InterfaceSpec, PortSpec, State, VebSpec } from '../../src/main/config/state.js';
import { expected } from '../unit/support/rule-model.js';

/** A frame as the model looks at it. */
export interface ModelFrame {
  readonly bytes: Uint8Array;
  /** `xx:xx:xx:xx:xx:xx` */
  readonly dst: string;
  readonly src: string;
  readonly type: number;
  /** An IP packet whose header is wrong. */
  readonly badIp: boolean;
}

/** A copy that arrived somewhere. */
export interface Copy {
  readonly frame: ModelFrame;
  readonly tag: string;
}

/** A frame on its way through, with the tag it has so far. */
interface Moving {
  readonly frame: ModelFrame;
  tag: string;
}

const IP_OR_ARP = [0x0800, 0x0806, 0x8035, 0x86dd];
const IP = [0x0800, 0x86dd];
const TAGS = [0x8100, 0x88a8];

function isGroup(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

export class VebModel {
  /** Copies that each interface has sent, by name, since last taken. */
  readonly sent = new Map<string, Copy[]>();
  /** Drops and other counts, by `interface reason`. */
  readonly tally = new Map<string, number>();
  /** Learned addresses, by port. */
  private readonly learned = new Map<string, string>();

  /** `name` is the veb's; `state` gives the configuration of the moment. */
  constructor(
    private readonly name: string,
    private readonly state: () => State,
  ) {}

  /** A burst that interface `ingress` receives: each step sees all frames before the next step begins. */
  burst(ingress: string, frames: readonly ModelFrame[]): void {
    const passed = frames.filter((frame) => this.enters(ingress, frame));
    if (passed.length === 0) return;
    const port = this.port(ingress);
    const moving = passed.flatMap((frame) => this.filtered(port, frame));
    if (port.learn) for (const { frame } of moving) this.learn(frame.src, ingress);
    for (const one of moving) this.leave(one, port);
  }

  /** Takes what `name` has sent. */
  take(name: string): Copy[] {
    const copies = this.sent.get(name) ?? [];
    this.sent.delete(name);
    return copies;
  }

  /** To be called after a change: what was learned on a port that has left, or is static now, is gone. */
  configured(): void {
    for (const [mac, port] of this.learned) {
      const stays = this.veb.ports.some((p) => p.name === port) && !this.veb.statics.some((s) => s.mac === mac);
      if (!stays) this.learned.delete(mac);
    }
  }

  /** Whether the bridge itself has to do with a frame; it is counted then, and spanned. */
  private enters(ingress: string, frame: ModelFrame): boolean {
    const { link, up } = this.spec(this.name);
    if (!this.spec(ingress).up) return this.count(ingress, 'down');
    if (this.veb.spans.includes(ingress)) return this.count(ingress, 'span');
    if (!up || !this.veb.ports.some((p) => p.name === ingress)) return this.count(ingress, 'consumed');
    if (frame.dst.startsWith('01:80:c2:00:00:0') && !(link[0] && '0bcdf'.includes(frame.dst[16] as string))) {
      this.count(this.name, 'returned');
      return this.count(ingress, 'consumed');
    }
    this.count(this.name, 'in');
    for (const span of this.veb.spans) if (this.spec(span).up) this.copy(span, { frame, tag: '' });
    return true;
  }

  /** The frame, if nothing stops it on the way in. */
  private filtered(port: PortSpec, frame: ModelFrame): Moving[] {
    const { link } = this.spec(this.name);
    if (TAGS.includes(frame.type) && !link[2]) this.count(port.name, 'vlan');
    else if (port.blocknonip && !IP_OR_ARP.includes(frame.type)) this.count(port.name, 'blocknonip-in');
    else {
      const moving = { frame, tag: '' };
      if (!judge(moving, port, 'out')) this.count(port.name, 'rules-in');
      else if (this.badIp(frame)) this.count(port.name, 'ip-header');
      else return [moving];
    }
    return [];
  }

  private badIp(frame: ModelFrame): boolean {
    return this.spec(this.name).link[1] && IP.includes(frame.type) && frame.badIp;
  }

  private learn(src: string, port: string): void {
    if (isGroup(src) || src === '00:00:00:00:00:00' || this.veb.statics.some((s) => s.mac === src)) return;
    if (!this.learned.has(src) && this.learned.size + this.veb.statics.length >= this.veb.maxaddr) return;
    this.learned.set(src, port);
  }

  private leave(moving: Moving, from: PortSpec): void {
    const { dst } = moving.frame;
    const to = this.veb.statics.find((s) => s.mac === dst)?.port ?? this.learned.get(dst);
    if (isGroup(dst) || to === undefined) {
      this.count(this.name, 'flooded');
      for (const port of this.veb.ports) if (port.name !== from.name) this.give(moving, from, port, true);
    } else if (to === from.name) this.count(to, 'hairpin');
    else if (this.give(moving, from, this.port(to), false)) this.count(this.name, 'unicast');
  }

  /** Gives a port its copy, or says why not. */
  private give(moving: Moving, from: PortSpec, to: PortSpec, flood: boolean): boolean {
    const { frame } = moving;
    const copy = { frame, tag: moving.tag };
    if (from.protected.some((domain) => to.protected.includes(domain))) return this.count(to.name, 'protected');
    if (!this.spec(to.name).up) return this.count(to.name, 'notrunning');
    if (flood && !isGroup(frame.dst) && !to.discover) return this.count(to.name, 'flood-nodiscover');
    if (!judge(copy, to, 'in')) return this.count(to.name, 'rules-out');
    if (to.blocknonip && !IP_OR_ARP.includes(frame.type)) return this.count(to.name, 'blocknonip-out');
    this.copy(to.name, copy);
    return true;
  }

  private copy(name: string, copy: Copy): void {
    const copies = this.sent.get(name);
    if (copies === undefined) this.sent.set(name, [copy]);
    else copies.push(copy);
  }

  private count(name: string, what: string): false {
    const key = `${name} ${what}`;
    this.tally.set(key, (this.tally.get(key) ?? 0) + 1);
    return false;
  }

  private spec(name: string): InterfaceSpec {
    return this.state().interfaces.get(name) as InterfaceSpec;
  }

  private get veb(): VebSpec {
    return this.spec(this.name).veb as VebSpec;
  }

  private port(name: string): PortSpec {
    return this.veb.ports.find((p) => p.name === name) as PortSpec;
  }
}

/** Whether the port's rules but those of direction `not` let a frame pass; it has their tag then. */
function judge(moving: Moving, port: PortSpec, not: 'in' | 'out'): boolean {
  const rules = port.rules.filter((rule) => rule.dir !== not);
  if (rules.length === 0) return true;
  const { bytes, dst, src, type } = moving.frame;
  const hex = Buffer.from(bytes).toString('hex');
  const outcome = expected(rules, {
    dst,
    src,
    type: type.toString(16).padStart(4, '0'),
    payload: hex.slice(28),
    length: bytes.length,
  });
  if (outcome === 'block') return false;
  if (outcome.tag !== '') moving.tag = outcome.tag;
  return true;
}
