/**
 * Generator and sink are processes of their own, as a socket belongs to the namespace that its process is in. They are told
 * what to do in their argument, and talk to their parent over node's channel; without the parent they end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Size } from './sizes.js';

/** A link, in a namespace (a name under /run/netns or an absolute path), or in ours. */
export interface Place {
  readonly link: string;
  readonly netns?: string;
}

/** LINK or LINK@NETNS. */
export function placeName({ link, netns }: Place): string {
  return netns === undefined ? link : `${link}@${netns}`;
}

/** What a generator is to send. */
export interface GeneratorTask {
  readonly link: string;
  /** Marks the frames of one direction of one run; 32 bits. */
  readonly run: number;
  readonly seed: number;
  /** Frames a second; 0 as fast as it goes. */
  readonly rate: number;
  /** Most frames under way, and the file of the sink's count (window.ts). */
  readonly window?: { readonly most: number; readonly file: string };
  readonly seconds: number;
  /** Most frames. */
  readonly count: number;
  readonly size: Size;
  readonly flows: number;
  /** Source addresses; 0 is the link's own. */
  readonly macs: number;
}

/** What a generator did. */
export interface Offered {
  readonly kind: 'offered';
  /** Frames the kernel took. Frame n was of flow n % flows. */
  readonly frames: number;
  readonly bytes: number;
  /** Frames the kernel refused: the link's queue was full, or it was down. They were tried again, and are not in `frames`. */
  readonly refused: number;
  /** Frames the link dropped beyond those, after the kernel had taken them. */
  readonly dropped: number;
  readonly seconds: number;
}

/** What a sink is to expect. */
export interface SinkTask {
  readonly link: string;
  readonly run: number;
  readonly flows: number;
  /** Where it is to count what arrives, if the generator wants to know. */
  readonly window?: string;
}

/** What a sink saw. */
export interface Received {
  readonly kind: 'received';
  /** Whole frames of ours, first arrivals and others. */
  readonly frames: number;
  /** First arrivals. */
  readonly first: number;
  readonly reordered: number;
  readonly duplicated: number;
  readonly stale: number;
  readonly corrupted: number;
  readonly foreign: number;
  /** Frames of the ethertype that found no room in the sink's socket. */
  readonly dropped: number;
  /** Microseconds. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Frames in each second from the first frame on. */
  readonly perSecond: readonly number[];
}

/** A child is ready; `mac` is its link's address. */
export interface Ready {
  readonly kind: 'ready';
  readonly mac: string;
}

/** To a generator: begin, to this address. To a sink: so many frames were sent, so wait for the last and report. */
export type Order = { readonly kind: 'go'; readonly destination: string } | { readonly kind: 'end' };

export type Message = Ready | Offered | Received;

/** Path of a namespace that is given by name or path. */
export function netnsPath(netns: string): string {
  return netns.startsWith('/') ? netns : `/run/netns/${netns}`;
}

/** A generator or sink, seen from its parent. */
export class LinkProcess {
  private readonly name: string;
  private readonly child: ChildProcess;
  private readonly messages: Message[] = [];
  private wake: () => void = () => {};
  private ended = false;

  constructor(program: 'generator' | 'sink', place: Place, task: GeneratorTask | SinkTask) {
    this.name = `${program} on ${placeName(place)}`;
    const script = fileURLToPath(new URL(`./${program}.js`, import.meta.url));
    const node = [process.execPath, script, JSON.stringify(task)];
    const enter = place.netns === undefined ? [] : ['nsenter', `--net=${netnsPath(place.netns)}`];
    const [command = '', ...args] = [...enter, ...node];
    this.child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.child.on('message', (message) => {
      this.messages.push(message as Message);
      this.wake();
    });
    // Not 'exit', which may come before the last message.
    for (const event of ['error', 'disconnect'])
      this.child.once(event, () => {
        this.ended = true;
        this.wake();
      });
  }

  /** The next message of that kind. Rejects when the child ends without it; it has said why on standard error. */
  async message<K extends Message['kind']>(kind: K): Promise<Extract<Message, { kind: K }>> {
    for (;;) {
      const at = this.messages.findIndex((message) => message.kind === kind);
      if (at >= 0) return this.messages.splice(at, 1)[0] as Extract<Message, { kind: K }>;
      if (this.ended) throw new Error(`${this.name} ended`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  order(order: Order): void {
    this.child.send(order, () => {});
  }

  /** Ends it, if it has not ended. */
  kill(): void {
    this.child.kill('SIGKILL');
  }
}

/** The task this process was started with. It ends when its parent does, and says what went wrong in one line. */
export function task<T>(): T {
  process.once('disconnect', () => process.exit());
  process.once('uncaughtException', ({ message }) => {
    process.stderr.write(`load: ${message}\n`);
    process.exit(1);
  });
  return JSON.parse(process.argv[2] ?? '') as T;
}

/** Tells the parent; resolves when it is told. */
export function report(message: Message): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()));
}

/** Frames that a link of this process's namespace dropped on their way out, since it was made. */
export function linkDrops(link: string): number {
  const lines = readFileSync('/proc/self/net/dev', 'utf8').split('\n');
  const fields = lines
    .find((line) => line.trim().startsWith(`${link}:`))
    ?.split(':')[1]
    ?.trim()
    .split(/\s+/);
  return Number(fields?.[11] ?? 0);
}
