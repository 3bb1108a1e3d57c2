/**
 * `show`: what is inside, as values; the text is made from the same values (`columns`).
 */
import { drops, lostWithWorkers, NO_INTERFACE } from '../../shared/counter/books.js';
import { DROP_REASONS, Drop } from '../../shared/counter/drop-reason.js';
import { Work, workLane } from '../../shared/layout/counters.js';
import { Thread, threadBlock } from '../../shared/layout/heap.js';
import { Ring } from '../../shared/layout/rings.js';
import { ringOccupancy } from '../../shared/ring/ring.js';
import { formatCpus } from '../config/cpus.js';
import { runningLines } from '../config/running.js';
import { capturesOf } from '../control/capture-list.js';
import { ControlError } from '../errors.js';
import type { Router } from '../router.js';
import { type Status, statusOf } from '../status.js';

/** A table of values: one record a row. */
type Rows = Record<string, string | number>[];

const SUBJECTS: Record<string, (router: Router) => Rows> = {
  workers: showWorkers,
  smr: showSmr,
  rings: showRings,
  drops: showDrops,
  books: showBooks,
  memory: showMemory,
  captures: showCaptures,
};

/** Answers `show WHAT`, and `show running secrets`, which has keys too. `json` asks for values. Throws EINVAL for a subject there is not. */
export function show(router: Router, args: readonly string[], json: boolean): string {
  const [subject = '', more] = args;
  const secrets = subject === 'running' && more === 'secrets';
  if (args.length !== (secrets ? 2 : 1))
    throw new ControlError('EINVAL', `show takes one of: ${showSubjects().join(', ')}`);
  if (subject === 'running') {
    const lines = runningLines(router.state, secrets);
    return json ? `${JSON.stringify(lines)}\n` : lines.map((line) => `${line}\n`).join('');
  }
  if (subject === 'status') return `${json ? JSON.stringify(statusOf(router)) : readinessText(statusOf(router))}\n`;
  const rows = Object.hasOwn(SUBJECTS, subject) ? SUBJECTS[subject]?.(router) : undefined;
  if (rows === undefined)
    throw new ControlError('EINVAL', `${subject}: show takes one of: ${showSubjects().join(', ')}`);
  return json ? `${JSON.stringify(rows)}\n` : columns(rows);
}

/** What `show` can show. */
export function showSubjects(): string[] {
  return ['running', 'status', ...Object.keys(SUBJECTS)];
}

/** One line: whether it forwards. As values, `show status` is what `top` and the status page are drawn from. */
function readinessText({ ready, why }: Status): string {
  return ready ? 'forwarding' : `not forwarding: ${why.join('; ')}`;
}

function showWorkers(router: Router): Rows {
  const { heap, counters, sizes } = router.memory.views;
  return router.heldByWorkers().map((held, w) => {
    const block = threadBlock(w);
    const lane = workLane(sizes.threads, w);
    return {
      worker: w,
      state: ['starting', 'forwarding', 'left'][heap[block + Thread.STATE]] ?? '?',
      bursts: counters[lane + Work.BURSTS],
      frames: counters[lane + Work.FRAMES],
      cpus: formatCpus(router.cpusOf(w)),
      queues: router.queuesOf(w).join(' ') || '-',
      sleeps: counters[lane + Work.SLEEPS],
      naps: counters[lane + Work.NAPS],
      announced_ms_ago: Math.max(0, (router.uptimeMs() - heap[block + Thread.HEARTBEAT]) | 0),
      free_frames: heap[block + Thread.FREE_FRAMES],
      free_superframes: heap[block + Thread.FREE_SUPERFRAMES],
      held_frames: held.frames,
      held_superframes: held.superframes,
      heap_mib: Math.round(heap[block + Thread.HEAP_KIB] / 1024),
    };
  });
}

function showCaptures(router: Router): Rows {
  return capturesOf(router).map((capture) => ({ ...capture }));
}

function showSmr(router: Router): Rows {
  const { laggards, ...status } = router.reclaimer.status();
  return [{ ...status, laggards: laggards.join(',') || '-' }];
}

function showRings(router: Router): Rows {
  const { rings } = router.memory.views;
  return router.memory.namedRings.map(({ name, base }) => ({
    ring: name,
    occupancy: ringOccupancy(rings, base),
    capacity: rings[base + Ring.CAPACITY],
    refused: rings[base + Ring.REFUSED],
  }));
}

function showDrops(router: Router): Rows {
  const rows: Rows = [];
  for (const { index, name } of router.table.all()) {
    DROP_REASONS.forEach((reason, number) => {
      const frames = drops(router.memory.views, index, number);
      if (frames > 0) rows.push({ interface: name, reason: reason.name, frames, meaning: reason.help });
    });
  }
  const lost = lostWithWorkers(router.memory.views);
  const { name: reason, help: meaning } = DROP_REASONS[Drop.WORKER_LOST];
  if (lost > 0) rows.push({ interface: NO_INTERFACE, reason, frames: lost, meaning });
  return rows;
}

/** The books as one row an equation; `holds` says whether they do. */
function showBooks(router: Router): Rows {
  const books = router.books();
  const rows: Rows = [];
  const { totals } = books;
  const came = totals.received + totals.copied + totals.segmented + totals.originated;
  const went = totals.transmitted + totals.consumed + totals.dropped + totals.held;
  const terms = Object.entries(totals).map(([name, frames]) => `${name} ${frames}`);
  rows.push({ of: 'all', came, went, holds: came === went ? 'yes' : 'no', terms: terms.join(', ') });
  for (const d of books.devices) {
    const holds = d.read === d.passedOn + d.rxDrops && d.queued === d.sent + d.txDrops;
    const terms = `read ${d.read}, passed on ${d.passedOn}, rx drops ${d.rxDrops}; queued ${d.queued}, sent ${d.sent}, tx drops ${d.txDrops}`;
    rows.push({
      of: d.name,
      came: d.read + d.queued,
      went: d.passedOn + d.rxDrops + d.sent + d.txDrops,
      holds: holds ? 'yes' : 'no',
      terms,
    });
  }
  return rows;
}

function showMemory(router: Router): Rows {
  const { memory } = router;
  const used: Record<string, number> = { heap: memory.heap.usedWords * 4, rings: memory.rings.usedWords * 4 };
  return Object.entries(memory.sizes()).map(([region, bytes]) => ({ region, bytes, used: used[region] ?? '-' }));
}

/** Rows as aligned columns under a line of headings; nothing for no rows. */
export function columns(rows: Rows): string {
  const first = rows[0];
  if (first === undefined) return '';
  const heads = Object.keys(first);
  const table = [heads, ...rows.map((row) => heads.map((head) => String(row[head])))];
  const widths = heads.map((_, c) => Math.max(...table.map((row) => (row[c] as string).length)));
  const numeric = heads.map((head) => typeof first[head] === 'number');
  return table
    .map((row) =>
      row
        .map((cell, c) => (numeric[c] ? cell.padStart(widths[c] as number) : cell.padEnd(widths[c] as number)))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
