/**
 * What main and the capture writer tell each other, over a message port: which captures are written where, and how it goes.
 */

/** How packets are written. */
export interface Encoding {
  readonly format: 'pcap' | 'pcapng';
  /** A `LinkType` (shared/wire/pcap.ts). */
  readonly linkType: number;
  readonly snaplen: number;
  /** pcap: nanoseconds in a unit of the time stamps, 1 or, in a file of another program that is gone on with, 1000. */
  readonly resolution: number;
  /** pcapng: the interface's name and the filter's text. */
  readonly interfaceName: string;
  readonly filter: string;
}

/** When a capture file is forced to the disk. */
export type FsyncPolicy = 'never' | 'rotate' | 'always';

/** A file. It is opened by main and written, rotated and closed by the writer; an fd belongs to the whole process. */
export interface FileTarget {
  readonly kind: 'file';
  readonly path: string;
  readonly fd: number;
  /** Bytes that are in it; 0 = it needs a header. */
  readonly size: number;
  readonly encoding: Encoding;
  /** A file does not grow beyond this many bytes, unless one packet does; 0 = it may. */
  readonly rotateBytes: number;
  /** A file that is this many seconds old is put aside; 0 = never. */
  readonly rotateSeconds: number;
  /** Files put aside that are kept: PATH.0, the newest, … */
  readonly keep: number;
  readonly fsync: FsyncPolicy;
}

/** A unix stream socket that somebody listens on, and reads the capture from. */
export interface StreamTarget {
  readonly kind: 'stream';
  readonly path: string;
  readonly encoding: Encoding;
}

export type Target = FileTarget | StreamTarget;

/** Packets that a capture has been shown, and those it lost, for a pcapng file to end with. */
export interface CaptureStatistics {
  readonly received: number;
  readonly dropped: number;
}

/** main → writer. `serial` comes back in the answer; `id` is the capture's, as in its records. */
export type WriterRequest =
  | { readonly op: 'open'; readonly serial: number; readonly id: number; readonly target: Target }
  /** Records published before this are written first. */
  | { readonly op: 'close'; readonly serial: number; readonly id: number; readonly statistics: CaptureStatistics }
  /** All that the thread begins with has been told: from now on, what it does not know is for nobody. */
  | { readonly op: 'begin' }
  | { readonly op: 'stop' };

/** writer → main. */
export type WriterReply =
  | { readonly op: 'done'; readonly serial: number; readonly code?: string; readonly message?: string }
  /** A stream's reader has left; the capture goes nowhere. */
  | { readonly op: 'gone'; readonly id: number; readonly why: string }
  /** A file cannot be written (drops are counted), and can again. */
  | { readonly op: 'stuck'; readonly id: number; readonly path: string; readonly code: string }
  | { readonly op: 'resumed'; readonly id: number; readonly path: string; readonly dropped: number }
  /** A file was closed, or could not be put aside; an fd that is not -1 is to be forced to the disk and closed by main. */
  | { readonly op: 'closed'; readonly id: number; readonly path: string; readonly fd: number }
  | { readonly op: 'unrotated'; readonly id: number; readonly path: string; readonly code: string };
