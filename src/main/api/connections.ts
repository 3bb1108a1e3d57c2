/**
 * The connections of a listener and their limits, so that slow, silent and hostile clients cost a bounded number of descriptors and bytes
 * and the others are still served (docs/limits.md). Main only.
 *
 * A connection waits for a request, or its request is worked on, or it takes its answer. Once a second whoever takes too long over an
 * answer is ended, and while places are scarce the connections that have waited longest give theirs up. What is worked on (a live
 * capture, say) is never ended. A connection for which there is no place is closed as soon as it is made.
 */
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Most connections of a listener, where the process may have descriptors enough. */
export const MOST_CONNECTIONS = 1024;
/** Of the descriptors that the process may have, a listener takes so large a part at most: the rest is for devices and files. */
export const DESCRIPTOR_SHARE = 4;
/** For the head of a request, the whole of it, and a next one on the same connection. */
export const HEADERS_MS = 5000;
export const REQUEST_MS = 10_000;
export const KEEP_ALIVE_MS = 65_000;
/** For taking an answer. */
export const ANSWER_MS = 30_000;
/** A new connection has so long before it can lose its place to others. */
export const GRACE_MS = 1000;
/** Places are scarce when more than this part of them is taken. */
const SCARCE = 0.75;
const SWEEP_MS = 1000;
/** Between two lines of the log on the same listener. */
const QUIET_MS = 10_000;

/** What a listener has to be made with, for `fastify()`. */
export const LISTENER_OPTIONS = {
  requestTimeout: REQUEST_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  http: { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: SWEEP_MS },
} as const;

/** Takes lines of the log. */
export type Complain = (fields: object, message: string) => void;

interface Connection {
  doing: 'waits' | 'works' | 'answers';
  /** When it began to, of `performance.now()`. */
  since: number;
}

export class Connections {
  readonly listener: string;
  /** Most at once. */
  readonly most: number;
  /** Refused for want of a place or of a descriptor, and ended for being slow, since the start. */
  refused = 0;
  ended = 0;
  private readonly open = new Map<Socket, Connection>();
  private readonly complain: Complain;
  private told = { refused: 0, ended: 0, at: Number.NEGATIVE_INFINITY };

  /** `descriptors` = how many the process may have. */
  constructor(listener: string, complain: Complain = () => {}, descriptors = descriptorLimit()) {
    this.listener = listener;
    this.complain = complain;
    this.most = Math.max(8, Math.min(MOST_CONNECTIONS, Math.floor(descriptors / DESCRIPTOR_SHARE)));
  }

  /** Connections now. */
  get count(): number {
    return this.open.size;
  }

  /** Keeps the connections of `server`, which does not listen yet, within the limits. */
  watch(server: FastifyInstance): void {
    const { server: tcp } = server;
    tcp.maxConnections = this.most;
    tcp.on('connection', (socket: Socket) => {
      this.open.set(socket, { doing: 'waits', since: performance.now() });
      socket.once('close', () => this.open.delete(socket));
    });
    tcp.on('drop', () => this.refuse());
    // Out of descriptors, above all: without a listener the error would end the process. One that keeps it from listening is told as such.
    tcp.on('error', () => {
      if (tcp.listening) this.refuse();
    });
    server.addHook('preHandler', async ({ raw }) => this.set(raw.socket, 'works'));
    server.addHook('onSend', async ({ raw }) => this.set(raw.socket, 'answers'));
    server.addHook('onResponse', async ({ raw }) => this.set(raw.socket, 'waits'));
    const sweep = setInterval(() => this.sweep(), SWEEP_MS).unref();
    server.addHook('onClose', async () => clearInterval(sweep));
  }

  private set(socket: Socket, doing: Connection['doing']): void {
    const connection = this.open.get(socket);
    if (connection === undefined) return;
    connection.doing = doing;
    connection.since = performance.now();
    // The map is in the order of waiting, longest first.
    this.open.delete(socket);
    this.open.set(socket, connection);
  }

  private refuse(): void {
    this.refused++;
    this.tell();
  }

  private sweep(): void {
    const now = performance.now();
    const enough = Math.floor(this.most * SCARCE);
    let left = this.open.size;
    for (const [socket, { doing, since }] of this.open) {
      const waited = doing === 'waits' && left > enough && now - since >= GRACE_MS;
      if (!waited && !(doing === 'answers' && now - since >= ANSWER_MS)) continue;
      left--;
      this.ended++;
      socket.destroy();
    }
    this.tell();
    this.lookForDescriptors();
  }

  /** The kernel, or libuv for it, closes what it has no descriptor for, and nobody is told: so one is asked for. */
  private lookForDescriptors(): void {
    try {
      closeSync(openSync('/dev/null', 'r'));
    } catch (error) {
      if (performance.now() - this.told.at < QUIET_MS) return;
      this.told.at = performance.now();
      this.complain(
        { event: 'descriptors', listener: this.listener, err: error },
        'no file descriptor is left: connections and new devices are refused until some are closed',
      );
    }
  }

  /** One line for what was refused or ended since the last one. */
  private tell(): void {
    const { told, refused, ended, listener, most } = this;
    const now = performance.now();
    if ((refused === told.refused && ended === told.ended) || now - told.at < QUIET_MS) return;
    const fields = { event: 'connections', listener, refused: refused - told.refused, ended: ended - told.ended };
    this.told = { refused, ended, at: now };
    this.complain(fields, `${listener}: of at most ${most} connections some were refused, or ended for being slow`);
  }
}

/** How many file descriptors this process may have. */
function descriptorLimit(): number {
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}
