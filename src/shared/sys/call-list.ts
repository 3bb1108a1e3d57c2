/**
 * Many reads or writes of one descriptor for one way into native code. Any thread; a list belongs to one.
 *
 * A call through koffi costs little while it is all that runs (20 ns), but between two frames of a worker, with its code gone from the cache,
 * some 0.15 µs, and libc's wrapper 0.04 more: of 2.3 µs that a frame between two TAPs takes, 0.3 to 0.4 (ARCHITECTURE.md, "TAPs"). No function of libc
 * makes a list of calls, and io_uring's own way costs more than it saves. So x86-64 has 83 bytes of machine code for it: call-list.s, of
 * which a test sees that these here are its bytes. Elsewhere, or where memory for it may not be had, each call goes through koffi.
 */
import { addressOf, functionAt, lastErrno, mapCode, readv, writev } from './libc.js';

/** What the assembler makes of call-list.s. */
export const CODE = Buffer.from(
  'f30f1efa534889fb8b3b4c8b4b08448b43104c8d53204f8d04c24d39c27428418b324c01ce418b52048b43040f0541894204' +
    '4983c20885c078072943147fdbeb06837b040075d34c89c04c29d048c1e8035bc3',
  'hex',
);

/** 32-bit words of a list before its entries, which have two each. */
const enum List {
  FD = 0,
  NUMBER = 1,
  BASE = 2,
  COUNT = 4,
  ROOM = 5,
  ENTRIES = 8,
}

/** Words of an entry. */
export const enum CallEntry {
  SHIFT = 1,
  /** Bytes from the base. */
  OFFSET = 0,
  /** Length of the buffer; after the call bytes passed, or a negative errno. */
  RESULT = 1,
}

/** System call numbers of x86-64. */
const enum Call {
  READ = 0,
  WRITE = 1,
}

/** No bound. */
const ALL = 0x7fffffff;

/** A list of calls. */
export interface CallList {
  /** `CallEntry` words of entry k, from `k << CallEntry.SHIFT` on. */
  readonly entries: Int32Array;
  /**
   * Reads from `fd` into the first `count` entries, until one fails or `room` bytes have come. Returns how many reads were made; the
   * last of them may have failed.
   */
  read(fd: number, count: number, room: number): number;
  /** Writes the first `count` entries to `fd`, whatever becomes of each. */
  write(fd: number, count: number): void;
}

let mapped: number | undefined;

/**
 * Address of the code, where it can be run; 0 where there is none for this machine. It stays as long as the process: nobody can tell when
 * the last thread is out of it.
 */
export function callCode(): number {
  mapped ??= process.arch === 'x64' ? Math.max(0, mapCode(CODE)) : 0;
  return mapped;
}

/** Makes a list of up to `most` calls, with buffers counted from address `base`. `code`: as `callCode` of any thread returned it, or 0. */
export function makeCallList(code: number, base: number, most: number): CallList {
  const words = new Int32Array(new SharedArrayBuffer((List.ENTRIES + 2 * most) * 4));
  const entries = words.subarray(List.ENTRIES);
  const at = addressOf(new Uint8Array(words.buffer));
  words[List.BASE] = base % 2 ** 32;
  words[List.BASE + 1] = Math.floor(base / 2 ** 32);
  const run = code === 0 ? oneByOne(words, base) : functionAt(code);
  return {
    entries,
    read(fd: number, count: number, room: number): number {
      words[List.FD] = fd;
      words[List.NUMBER] = Call.READ;
      words[List.COUNT] = count;
      words[List.ROOM] = room;
      return count - run(at);
    },
    write(fd: number, count: number): void {
      words[List.FD] = fd;
      words[List.NUMBER] = Call.WRITE;
      words[List.COUNT] = count;
      words[List.ROOM] = ALL;
      run(at);
    },
  };
}

/** What the code does, a call of koffi each. readv and writev: an address computed anew for each would be garbage. */
function oneByOne(words: Int32Array, base: number): (list: number) => number {
  const iovec = new Uint32Array(new SharedArrayBuffer(16));
  const at = addressOf(new Uint8Array(iovec.buffer));
  return () => {
    const count = words[List.COUNT];
    const reads = words[List.NUMBER] === Call.READ;
    for (let k = 0, e: number = List.ENTRIES; k < count; k++, e += 2) {
      const address = base + (words[e + CallEntry.OFFSET] >>> 0);
      iovec[0] = address % 2 ** 32;
      iovec[1] = address / 2 ** 32;
      iovec[2] = words[e + CallEntry.RESULT];
      const bytes = reads ? readv(words[List.FD], at, 1) : writev(words[List.FD], at, 1);
      words[e + CallEntry.RESULT] = bytes < 0 ? -lastErrno() : bytes;
      if (bytes < 0 && !reads) continue;
      words[List.ROOM] -= bytes;
      if (bytes < 0 || words[List.ROOM] <= 0) return count - k - 1;
    }
    return 0;
  };
}
