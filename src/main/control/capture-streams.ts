/**
 * Live captures: what `smrctl tcpdump` reads while it is captured. Main only.
 *
 * The capture writer writes into a unix socket; main has the other end and passes it on to whoever asked, as fast as that one reads. What
 * finds no room in between is dropped by the writer, and counted.
 */
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Program } from '../../shared/bpf/instruction.js';
import { LinkType } from '../../shared/wire/pcap.js';
import { ControlError } from '../errors.js';
import type { CaptureWriter } from './capture-writer.js';
import { type Capture, type CaptureSpec, type Captures, LINK_TYPES, resolveLink, type Shown } from './captures.js';
import type { InterfaceTable } from './interface-table.js';
import { compileExpression } from './packet-expression.js';

/** What a client wants to see. */
export interface StreamRequest extends Omit<CaptureSpec, 'program' | 'link'> {
  readonly interface: string;
  readonly link: Shown | undefined;
  /** In libpcap's language; empty: every packet. */
  readonly filter: string;
}

/** A capture that is under way. */
export interface CaptureStream {
  readonly id: number;
  readonly link: Shown;
  /** A pcapng section that ends, once the capture has, with its statistics. */
  readonly data: Socket;
  /** Ends the capture; `data` ends after what was captured before. */
  stop(): Promise<void>;
  /** Why it ended although nobody stopped it: an errno, or empty. */
  ended(): string;
}

export class CaptureStreams {
  private readonly table: InterfaceTable;
  private readonly captures: Captures;
  private readonly writer: CaptureWriter;
  private readonly streams = new Map<number, CaptureStream>();

  constructor(table: InterfaceTable, captures: Captures, writer: CaptureWriter) {
    this.table = table;
    this.captures = captures;
    this.writer = writer;
  }

  /** Indices and names of all interfaces. */
  interfaces(): (readonly [number, string])[] {
    return this.table.all().map(({ index, name }) => [index, name]);
  }

  /** The capture of that id, if it is under way. */
  find(id: number): CaptureStream | undefined {
    return this.streams.get(id);
  }

  /**
   * Begins a capture. Rejects with ControlError: ENXIO (no such interface), EINVAL (link type, filter), EMFILE (too many), ENOENT (no tcpdump to
   * compile a filter), ENOMEM.
   */
  async open({ filter, ...wanted }: StreamRequest): Promise<CaptureStream> {
    const live = this.table.get(wanted.interface);
    const link = resolveLink(live, wanted.link);
    const linkType = LINK_TYPES[link];
    let program: Program | undefined;
    // A trace's filter looks at the frames, or at the packets that come out of an rport.
    const traced = live.type === 'rport' ? LinkType.RAW : LinkType.EN10MB;
    const filtered = link === 'TRACE' ? traced : linkType;
    if (filter !== '') program = await compileExpression(filter, filtered, wanted.snap);
    // It may have left while the filter was compiled.
    if (this.table.find(live.name) !== live) throw new ControlError('ENXIO', `${live.name}: no such interface`);
    const spec: CaptureSpec = { ...wanted, link, ...(program === undefined ? {} : { program }) };
    const capture = this.captures.add(live, spec, () => end());
    // Whoever waits for the end hears of it in the stream.
    const end = (): void => void this.stop(capture).catch(() => {});
    const encoding = {
      format: 'pcapng',
      linkType,
      snaplen: wanted.snap,
      resolution: 1,
      interfaceName: live.name,
      filter,
    } as const;
    let data: Socket | undefined;
    try {
      data = await this.connect((path) => this.writer.open(capture.id, { kind: 'stream', path, encoding }, end));
      const stream: CaptureStream = {
        id: capture.id,
        link,
        data,
        stop: () => this.stop(capture),
        ended: () => (this.captures.hasGone(capture) ? 'ENXIO' : ''),
      };
      this.streams.set(capture.id, stream);
      this.captures.start(capture);
      return stream;
    } catch (error) {
      data?.destroy();
      await this.stop(capture).catch(() => {});
      throw error;
    }
  }

  /** Ends all. */
  async close(): Promise<void> {
    await Promise.all([...this.streams.values()].map((stream) => stream.stop()));
  }

  /** The end of a connection that `write` makes another thread open the other end of. */
  private async connect(write: (path: string) => Promise<void>): Promise<Socket> {
    const directory = mkdtempSync(join(tmpdir(), 'smrouter-'));
    const path = join(directory, 'capture');
    const server = createServer({ allowHalfOpen: true });
    try {
      server.listen(path);
      await once(server, 'listening');
      chmodSync(path, 0o600);
      const accepted = once(server, 'connection');
      accepted.catch(() => {});
      await write(path);
      const [socket] = (await accepted) as [Socket];
      return socket;
    } finally {
      server.close();
      rmSync(directory, { recursive: true, force: true });
    }
  }

  private async stop(capture: Capture): Promise<void> {
    this.streams.delete(capture.id);
    await this.captures.detach(capture, async ({ received, dropped }) => {
      const lost = this.writer.counts(capture.id).dropped;
      await this.writer.close(capture.id, { received, dropped: dropped + lost });
    });
  }
}
