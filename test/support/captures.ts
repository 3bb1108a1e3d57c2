/**
 * Captures of a router's interfaces, read from the workers' rings as the capture writer reads them (shared/layout/capture.ts).
 */
import type { Capture, CaptureCounts, CaptureSpec, Captures } from '../../src/main/control/captures.js';
import type { InterfaceTable } from '../../src/main/control/interface-table.js';
import type { Memory } from '../../src/main/memory/memory.js';
import { CaptureRecord, Direction } from '../../src/shared/layout/capture.js';
import { CaptureConsumer } from '../../src/shared/ring/capture-ring.js';

/** What a router has that is captured from. */
export interface Capturing {
  readonly memory: Memory;
  readonly table: InterfaceTable;
  readonly captures: Captures;
}

/** A captured packet. */
export interface Captured {
  readonly interface: string;
  readonly direction: '' | 'in' | 'out';
  /** Bytes the packet had. */
  readonly length: number;
  readonly bytes: string;
  readonly seconds: number;
  readonly nanoseconds: number;
}

const DIRECTIONS = { [Direction.NONE]: '', [Direction.IN]: 'in', [Direction.OUT]: 'out' } as const;

/** Captures that a test attached, and what they captured. */
export class CaptureBench {
  private readonly router: Capturing;
  private readonly rings: CaptureConsumer[] = [];
  private readonly waiting = new Map<number, Captured[]>();

  constructor(router: Capturing) {
    this.router = router;
    const { views, workers } = router.memory;
    for (let w = 0; w < workers; w++) this.rings.push(new CaptureConsumer(views, w));
  }

  /** Attaches a capture of whole packets to the interface of that name, unless told otherwise. */
  attach(name: string, spec: Partial<CaptureSpec> = {}): Capture {
    return this.router.captures.attach(this.router.table.get(name), { snap: 262_144, fildrop: 'pass', ...spec });
  }

  /** What a capture has captured since last asked. */
  take(capture: Capture): Captured[] {
    this.drain();
    const found = this.waiting.get(capture.id) ?? [];
    this.waiting.delete(capture.id);
    return found;
  }

  /** The same in short: interface, direction and bytes of each packet. */
  brief(capture: Capture): string[] {
    return this.take(capture).map((c) => `${c.interface} ${c.direction} ${c.bytes}`);
  }

  counts(capture: Capture): CaptureCounts {
    return this.router.captures.counts(capture);
  }

  /** Takes all records out of the rings. */
  drain(): void {
    const { views } = this.router.memory;
    for (const ring of this.rings) {
      for (let at = ring.next(); at !== -1; at = ring.next()) {
        const from = (at + CaptureRecord.HEADER) * 4;
        const where = views.i32[at + CaptureRecord.INTERFACE];
        const id = views.i32[at + CaptureRecord.ID];
        const list = this.waiting.get(id) ?? [];
        this.waiting.set(id, list);
        list.push({
          interface: this.router.table.nameOf(where & 0xffff),
          direction: DIRECTIONS[(where >> 16) as Direction],
          length: views.i32[at + CaptureRecord.LENGTH],
          bytes: Buffer.from(views.u8.slice(from, from + views.i32[at + CaptureRecord.CAPTURED])).toString('hex'),
          seconds: views.i32[at + CaptureRecord.SECONDS],
          nanoseconds: views.i32[at + CaptureRecord.NANOSECONDS],
        });
      }
      ring.release();
    }
  }
}
