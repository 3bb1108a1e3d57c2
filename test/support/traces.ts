/**
 * Traces as a test reads them: one line a decision, as `smrctl trace` prints them.
 */
import { once } from 'node:events';
import type { CaptureStream } from '../../src/main/control/capture-streams.js';
import type { Router } from '../../src/main/router.js';
import { BlockReader, blockType } from '../../src/main/tcpdump/pcapng-reader.js';
import { decisionText } from '../../src/main/trace/decision-text.js';
import { readTrace, type Trace } from '../../src/main/trace/trace-reader.js';
import { Block } from '../../src/shared/wire/pcapng.js';
import type { Captured } from './captures.js';

/** A captured trace as the client would have it. */
export function traceOf({ bytes, length, seconds, nanoseconds }: Captured): Trace {
  const head = Buffer.alloc(28);
  const time = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  head.writeUInt32LE(Number(time >> 32n), 12);
  head.writeUInt32LE(Number(time & 0xffffffffn), 16);
  head.writeUInt32LE(length, 24);
  return readTrace(Buffer.concat([head, Buffer.from(bytes, 'hex')]));
}

/** The decisions of a trace, a line each. */
export function decisionsOf(trace: Trace, nameOf: (index: number) => string): string[] {
  return trace.decisions.map((decision) => decisionText(decision, nameOf));
}

/** A trace of a live router, from the worker to the end of its stream. */
export class LiveTrace {
  private readonly router: Router;
  private readonly stream: CaptureStream;
  private readonly reader = new BlockReader();
  private readonly blocks: Buffer[] = [];

  private constructor(router: Router, stream: CaptureStream) {
    this.router = router;
    this.stream = stream;
    stream.data.on('data', (chunk: Buffer) => this.blocks.push(...this.reader.push(chunk)));
  }

  /** Traces what comes in by the interface of that name. */
  static async start(router: Router, name: string): Promise<LiveTrace> {
    const wanted = { interface: name, link: 'TRACE', snap: 262_144, fildrop: 'pass', filter: '' } as const;
    return new LiveTrace(router, await router.captureStreams.open(wanted));
  }

  /** Ends it. Resolves to the decisions of each frame. */
  async end(): Promise<string[][]> {
    const ended = once(this.stream.data, 'end');
    await this.stream.stop();
    await ended;
    this.stream.data.destroy();
    const packets = this.blocks.filter((block) => blockType(block) === Block.PACKET);
    return packets.map((block) => decisionsOf(readTrace(block), (index) => this.router.table.nameOf(index)));
  }
}
