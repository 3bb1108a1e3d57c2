/**
 * `ifconfig IF debug`: what is dropped at an interface with that flag goes to the log, by reason, a line a second at most. Main only;
 * workers only count, as they do anyway.
 */
import { drops } from '../../shared/counter/books.js';
import { DROP_REASONS } from '../../shared/counter/drop-reason.js';
import type { Memory } from '../memory/memory.js';
import type { InterfaceTable, Live } from './interface-table.js';

/** Takes lines of the log. */
export interface InfoLog {
  info(fields: object, message: string): void;
}

export class DropLog {
  /** What each interface had dropped at the last look, by number of the reason. */
  private readonly seen = new WeakMap<Live, readonly number[]>();
  private readonly memory: Memory;
  private readonly table: InterfaceTable;
  private readonly log: InfoLog;

  constructor(memory: Memory, table: InterfaceTable, log: InfoLog) {
    this.memory = memory;
    this.table = table;
    this.log = log;
  }

  /** Reports what was dropped since the look before. The first look at an interface with the flag only remembers. */
  look(): void {
    for (const live of this.table.all()) {
      if (live.spec.debug) this.report(live);
      else this.seen.delete(live);
    }
  }

  private report(live: Live): void {
    const now = DROP_REASONS.map((_, reason) => drops(this.memory.views, live.index, reason));
    const before = this.seen.get(live) ?? now;
    this.seen.set(live, now);
    const more = DROP_REASONS.flatMap(({ name }, n) => {
      const frames = (now[n] as number) - (before[n] as number);
      return frames > 0 ? [[name, frames] as const] : [];
    });
    if (more.length === 0) return;
    const text = more.map(([name, frames]) => `${frames} ${name}`).join(', ');
    this.log.info(
      { event: 'drops', interface: live.name, drops: Object.fromEntries(more) },
      `${live.name}: dropped ${text}`,
    );
  }
}
