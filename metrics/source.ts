/**
 * What the collectors read: views of shared memory, and the names that main keeps for numbers. Nothing here asks a worker.
 */
import type { BookedInterface, Books } from '../src/shared/counter/books.js';
import type { Views } from '../src/shared/layout/regions.js';
import type { ReclaimerStatus } from '../src/shared/smr/reclaimer.js';

/** An interface as the metrics name it. */
export interface MeteredInterface extends BookedInterface {
  readonly type: string;
  readonly rdomain: number;
}

/** A veb's learning table. */
export interface MeteredVeb {
  readonly name: string;
  readonly index: number;
  readonly addresses: number;
  readonly limit: number;
}

/** A stream of numbered packets that a tunnel brings. */
export interface MeteredStream {
  readonly interface: string;
  readonly source: string;
  readonly session: number;
  readonly received: number;
  readonly lost: number;
  readonly reordered: number;
  readonly duplicate: number;
  readonly restarts: number;
}

/** A capture. */
export interface MeteredCapture {
  readonly capture: number;
  readonly interface: string;
  readonly type: string;
  /** The file's path, or tcpdump. */
  readonly to: string;
  /** Packets shown to it, matching or not. */
  readonly received: number;
  /** Packets that matched and found room. */
  readonly captured: number;
  /** Packets that matched and were lost: the ring was full, the disk, or the reader slow. */
  readonly dropped: number;
  /** Packets written, the bytes they took, files begun. */
  readonly written: number;
  readonly bytes: number;
  readonly files: number;
}

/** A local SID that is counted. */
export interface MeteredSid {
  /** Its routing domain, and its prefix as text. */
  readonly rdomain: number;
  readonly prefix: string;
  readonly packets: number;
  readonly bytes: number;
  readonly errors: number;
}

/** Who listens for clients: HTTP, the control socket. */
export interface MeteredListener {
  readonly listener: string;
  /** Connections now, and the most that there may be. */
  readonly count: number;
  readonly most: number;
  /** Refused for want of a place, and ended for being slow. */
  readonly refused: number;
  readonly ended: number;
}

/** Everything the collectors need; main implements it. */
export interface MetricsSource {
  readonly views: Views;
  readonly workers: number;
  interfaces(): readonly MeteredInterface[];
  vebs(): readonly MeteredVeb[];
  /** Streams of tunnels, of which there are 1024 at most, and packets of those beyond. */
  streams(): { readonly tracked: readonly MeteredStream[]; readonly untracked: number };
  captures(): readonly MeteredCapture[];
  listeners(): readonly MeteredListener[];
  /** Lines of the log that were lost. */
  logLost(): number;
  sids(): readonly MeteredSid[];
  rings(): readonly { readonly name: string; readonly base: number }[];
  smr(): ReclaimerStatus;
  books(): Books;
  /** Uptime in milliseconds, the workers' clock. */
  uptimeMs(): number;
  /** Whether it forwards, as `/readyz` answers. */
  ready(): boolean;
  /** Workers that died and were replaced. */
  replacements(): number;
  /** What each worker holds: slots, and frames that it has not brought to an end. */
  held(): readonly { readonly frames: number; readonly superframes: number; readonly unfinished: number }[];
  /** Workers that were replaced because they leaked, by what. */
  leaks(): Readonly<Record<string, number>>;
  /** Free slots in main's own cache. */
  mainFree(): { readonly frames: number; readonly superframes: number };
}
