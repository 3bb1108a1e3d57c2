/**
 * A unix datagram socket that a test receives on, as a service manager does: Node has none.
 */
import { bind, close, fixedBuffer, read, socket } from '../../src/shared/sys/libc.js';

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 0o4002;

export class DatagramReceiver {
  private readonly fd: number;
  private readonly room = fixedBuffer(4096);

  /** Listens at `path`. */
  constructor(path: string) {
    this.fd = socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
    const name = Buffer.from(path);
    const address = fixedBuffer(110);
    address.view.setUint16(0, AF_UNIX, true);
    address.u8.set(name, 2);
    if (bind(this.fd, address.address, 2 + name.length) === -1) throw new Error(`cannot bind ${path}`);
  }

  /** What has come since the last call, a text a datagram. */
  take(): string[] {
    const texts: string[] = [];
    for (;;) {
      const got = read(this.fd, this.room.address, this.room.u8.length);
      if (got < 0) return texts;
      texts.push(Buffer.from(this.room.u8.slice(0, got)).toString());
    }
  }

  close(): void {
    close(this.fd);
  }
}
