/**
 * Captures to files, live: each a capture of an interface and a target of the capture writer. Main only.
 */
import type { LinkType } from '../../shared/wire/pcap.js';
import type { CaptureSetting } from '../config/capture.js';
import { asControlError, ControlError } from '../errors.js';
import type { CaptureFileSpec } from './capture-file.js';
import type { CaptureWriter } from './capture-writer.js';
import { type Capture, type Captures, LINK_TYPES, resolveLink } from './captures.js';
import type { InterfaceTable } from './interface-table.js';
import { compileExpression } from './packet-expression.js';

export class CaptureLogger {
  private readonly table: InterfaceTable;
  private readonly captures: Captures;
  private readonly writer: CaptureWriter;
  private readonly live = new Map<string, Capture>();

  constructor(table: InterfaceTable, captures: Captures, writer: CaptureWriter) {
    this.table = table;
    this.captures = captures;
    this.writer = writer;
  }

  /** Ends the capture `before` and begins `after`, either of which may be missing. Throws ControlError. */
  async change(before: CaptureSetting | undefined, after: CaptureSetting | undefined): Promise<void> {
    if (before !== undefined) await this.stop(before.path);
    if (after === undefined) return;
    await this.start(after).catch((error: unknown) => {
      const { code, message } = asControlError(error);
      throw new ControlError(code, `${after.interface}: ${message}`, error);
    });
  }

  private async start(setting: CaptureSetting): Promise<void> {
    const { path, filter, snaplen, type, direction } = setting;
    const live = this.table.get(setting.interface);
    const spec = { snap: snaplen, fildrop: 'pass' } as const;
    const wanted = {
      ...spec,
      ...(type === '' ? {} : { link: type }),
      ...(direction === '' ? {} : { direction }),
    };
    const link = resolveLink(live, wanted.link);
    const program = filter === '' ? {} : { program: await compileExpression(filter, LINK_TYPES[link], snaplen) };
    // One whose interface leaves stays until the change that takes it away, which follows.
    const capture = this.captures.add(live, { ...wanted, link, ...program }, () => {});
    this.live.set(path, capture);
    try {
      await this.writer.open(capture.id, target(setting, LINK_TYPES[link]));
      this.captures.start(capture);
    } catch (error) {
      await this.stop(path).catch(() => {});
      throw error;
    }
  }

  /** Takes a capture away; all that it was shown is in the file then. */
  private async stop(path: string): Promise<void> {
    const capture = this.live.get(path);
    if (capture === undefined) return;
    this.live.delete(path);
    await this.captures.detach(capture, ({ received, dropped }) =>
      this.writer.close(capture.id, { received, dropped }),
    );
  }
}

function target(setting: CaptureSetting, linkType: LinkType): CaptureFileSpec {
  const { path, format, snaplen, filter, keep, fsync } = setting;
  return {
    kind: 'file',
    path,
    encoding: { format, linkType, snaplen, resolution: 1, interfaceName: setting.interface, filter },
    rotateBytes: setting.rotateSize,
    rotateSeconds: setting.rotateTime,
    keep,
    fsync,
  };
}
