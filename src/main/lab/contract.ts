/**
 * What both kinds of lab give `lab.ts` to show.
 */
import { fileURLToPath } from 'node:url';

/** A running lab. */
export interface Lab {
  /** Lines that say what was built. */
  readonly built: readonly string[];
  readonly metricsUrl: string;
  /** Counters of each interface, by name: frames and bytes received and sent. */
  counters(): Promise<Map<string, InterfaceCounters>>;
  /** Rejects if something the lab needs ends by itself. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/** Running totals of one interface. */
export interface InterfaceCounters {
  readonly ipackets: number;
  readonly ibytes: number;
  readonly opackets: number;
  readonly obytes: number;
}

/** Where the shipped configuration is. */
export const QUICKSTART = fileURLToPath(new URL('../../../../examples/quickstart.conf', import.meta.url));
