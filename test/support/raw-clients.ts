/**
 * Clients of a listener that do not behave: sockets that send bytes as they are told, never more, and read or do not.
 */
import { connect, type Socket } from 'node:net';

/** Where a listener is: a unix socket, or a port of 127.0.0.1. */
export type Address = { readonly path: string } | { readonly host: string; readonly port: number };

export class RawClients {
  /** Those that the server has closed. */
  closed = 0;
  private readonly sockets: Socket[] = [];
  private readonly timers: NodeJS.Timeout[] = [];

  /** Connects `count` clients, each of which sends `text` and never ends. Unless it `reads`, it leaves what it gets unread. */
  add(address: Address, count: number, text: string | Buffer, reads = true): void {
    for (let n = 0; n < count; n++) this.one(address, text, reads);
  }

  /** Connects `count` clients that send `text` byte by byte, one in `everyMs`. */
  drip(address: Address, count: number, text: string, everyMs: number): void {
    for (let n = 0; n < count; n++) {
      const socket = this.one(address, '', true);
      let sent = 0;
      this.timers.push(
        setInterval(() => socket.writable && socket.write(text[sent++ % text.length] as string), everyMs),
      );
    }
  }

  /** Leaves, without a word. */
  leave(): void {
    for (const timer of this.timers) clearInterval(timer);
    for (const socket of this.sockets) socket.destroy();
  }

  private one(address: Address, text: string | Buffer, reads: boolean): Socket {
    const socket = connect(address);
    this.sockets.push(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.closed++);
    if (reads) socket.resume();
    if (text.length > 0) socket.write(text);
    return socket;
  }
}
