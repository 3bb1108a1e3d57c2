/**
 * Where `smrctl tcpdump` puts packets: a file, standard output, or a program that prints them. What comes in are pcapng blocks.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, createWriteStream } from 'node:fs';
import { Socket } from 'node:net';
import { delimiter, join } from 'node:path';
import type { Writable } from 'node:stream';
import { Pcap, writePcap } from '../../shared/wire/pcap.js';
import { Block } from '../../shared/wire/pcapng.js';
import { ControlError } from '../errors.js';
import { blockType, interfaceOf, pcapRecord } from './pcapng-reader.js';

/** A place for packets. */
export interface PacketSink {
  /** False: wait for `drained` before the next block. */
  write(block: Buffer): boolean;
  drained(): Promise<void>;
  /** Resolves when the place has left by itself: whoever read has gone. */
  readonly left: Promise<void>;
  /** Everything is written and, if it was a program, printed. */
  end(): Promise<void>;
}

/** What opens the place that `-w FILE` names, or a program that prints. Throws ENOENT where there is none. */
export function sinkOpener(file: string, printing: readonly string[]): () => Promise<PacketSink> {
  if (file === '') return printer(printing);
  if (file === '-') return async () => streamSink(process.stdout, (block) => block);
  const form = file.endsWith('.pcap') ? asPcap : (block: Buffer) => block;
  return async () => streamSink(createWriteStream(file, { mode: 0o600 }), form);
}

/** A block as pcap has it: the header for the interface's, records for packets, nothing for others. */
function asPcap(block: Buffer): Buffer {
  const type = blockType(block);
  if (type === Block.PACKET) return pcapRecord(block);
  if (type !== Block.INTERFACE) return Buffer.alloc(0);
  const header = new Int32Array(Pcap.WORDS);
  const { linkType, snaplen } = interfaceOf(block);
  writePcap(header, 0, linkType, snaplen);
  return Buffer.from(header.buffer);
}

function streamSink(
  stream: Writable,
  form: (block: Buffer) => Buffer,
  done: Promise<void> = Promise.resolve(),
): PacketSink {
  let failed: Error | undefined;
  const left = new Promise<void>((resolve) => {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // A reader that has seen enough is no failure.
      if (error.code !== 'EPIPE') failed = error;
      resolve();
    });
    stream.on('close', () => resolve());
  });
  return {
    left,
    write: (block) => {
      const bytes = form(block);
      return bytes.length === 0 || stream.destroyed || stream.write(bytes);
    },
    drained: () => Promise.race([new Promise<void>((resolve) => stream.once('drain', resolve)), left]),
    end: async () => {
      if (stream === process.stdout) await new Promise<void>((resolve) => stream.write('', () => resolve()));
      else if (!stream.destroyed) await new Promise<void>((resolve) => stream.end(resolve));
      await done;
      if (failed !== undefined) throw failed;
    },
  };
}

/** What opens tcpdump or, where there is none, tshark. */
function printer(printing: readonly string[]): () => Promise<PacketSink> {
  if (inPath('tcpdump')) {
    return async () => {
      const child = spawn('tcpdump', ['-l', ...printing, '-r', '-'], {
        ...OWN_SESSION,
        stdio: ['pipe', 'inherit', 'pipe'],
      });
      return printed(child, child.stdin);
    };
  }
  if (!inPath('tshark')) {
    throw new ControlError('ENOENT', 'neither tcpdump nor tshark is here to print packets; install tcpdump, or use -w');
  }
  const known = printing.map((option) => (option === '-v' ? '-V' : option)).filter((option) => /^-[nVx]$/.test(option));
  return async () => {
    // It reads no sockets, which is what a child's standard input is otherwise.
    const { makePipe } = await import('../../shared/sys/pipe.js');
    const { readEnd, writeEnd } = makePipe();
    const args = ['-l', ...new Set(known), '-r', '-'];
    const child = spawn('tshark', args, { ...OWN_SESSION, stdio: [readEnd, 'inherit', 'pipe'] });
    closeSync(readEnd);
    return printed(child, new Socket({ fd: writeEnd, readable: false }));
  };
}

/** An interrupt from the terminal is ours, and the program still prints what was captured before. */
const OWN_SESSION = { detached: true } as const;

/** A program that prints what is written to `input`. */
function printed(child: ChildProcess, input: Writable): PacketSink {
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    process.stderr.write(text.replace(/^reading from file .*\n|^Running as user .*\n/gm, ''));
  });
  const done = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return streamSink(input, (block) => block, done);
}

function inPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
