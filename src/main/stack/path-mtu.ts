/**
 * What others have said about the MTU on the way to them (RFC 1191, RFC 8201, spec B §5.6), for packets of our own. Main.
 */
import { keyOf } from './address.js';

/** Milliseconds for which it is believed, and most destinations remembered. */
const BELIEVED_MS = 600_000;
const PATHS_MOST = 1024;
/** Below these nobody is believed. */
const LEAST = { 4: 576, 6: 1280 } as const;

export class PathMtu {
  private readonly paths = new Map<string, { readonly mtu: number; readonly until: number }>();

  /** Somebody says that no more than `mtu` bytes fit on the way. It only ever lowers what is known. */
  learn(rdomain: number, destination: Int32Array, mtu: number, now: number): void {
    const bound = Math.max(mtu, LEAST[destination.length === 1 ? 4 : 6]);
    if (bound >= this.of(rdomain, destination, now)) return;
    const key = `${rdomain}/${keyOf(destination)}`;
    this.paths.delete(key);
    this.paths.set(key, { mtu: bound, until: now + BELIEVED_MS });
    if (this.paths.size > PATHS_MOST) this.paths.delete(this.paths.keys().next().value as string);
  }

  /** Most bytes of a packet to `destination`; infinite if nobody has said. */
  of(rdomain: number, destination: Int32Array, now: number): number {
    const path = this.paths.get(`${rdomain}/${keyOf(destination)}`);
    return path === undefined || path.until <= now ? Number.POSITIVE_INFINITY : path.mtu;
  }
}
