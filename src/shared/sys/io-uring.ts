/**
 * io_uring(7): many reads and writes for one system call. Main makes a ring for each worker and registers descriptors in it; the
 * worker fills entries and enters. Layouts and numbers: linux/io_uring.h. It needs Linux 5.19 (empty tables of descriptors).
 *
 * What must hold: every request is RWF_NOWAIT, so it is complete when `submit` returns, requests are carried out in the order they
 * have in it, and nothing of a worker that died is ever under way. The first half of the entries are reads, the second
 * writes. An entry keeps what it was told, so a read like the last one costs two stores.
 */
import { ERRNO, errnoName, SysError, throwErrno } from './errno.js';
import { close, fixedBuffer, lastErrno, mapFile, syscall6, unmap, viewAt } from './libc.js';

const CALL_SETUP = 425;
const CALL_ENTER = 426;
const CALL_REGISTER = 427;

const SETUP_SUBMIT_ALL = 1 << 7;
const FEATURE_SINGLE_MMAP = 1;
const ENTER_GETEVENTS = 1;
const REGISTER_FILES_UPDATE = 6;
const REGISTER_FILES2 = 13;
const REGISTER_SPARSE = 1;
const OP_READ = 22;
const OP_WRITE = 23;
const FIXED_FILE = 1;
const RWF_NOWAIT = 8;
const OFFSET_RINGS = 0;
const OFFSET_ENTRIES = 0x10000000;

/** 32-bit words of struct io_uring_params. */
const enum Params {
  SQ_ENTRIES = 0,
  CQ_ENTRIES = 1,
  FLAGS = 2,
  FEATURES = 5,
  SQ_HEAD = 10,
  SQ_TAIL = 11,
  SQ_ARRAY = 16,
  CQ_HEAD = 20,
  CQ_TAIL = 21,
  CQ_CQES = 25,
  WORDS = 30,
}

/** 32-bit words of a submission entry. */
const enum Sqe {
  /** Opcode | flags << 8. */
  OPCODE = 0,
  /** Place in the table of registered descriptors. */
  FILE = 1,
  ADDRESS_LO = 4,
  ADDRESS_HI = 5,
  LENGTH = 6,
  RW_FLAGS = 7,
  /** Comes back in the completion: the entry's number. */
  USER_DATA = 8,
  WORDS = 16,
}

/** 32-bit words of a completion. */
const enum Cqe {
  USER_DATA = 0,
  /** Bytes, or an errno less than 0. */
  RESULT = 2,
  WORDS = 4,
}

/** A ring that main made, as a worker needs to know it: plain values, addresses in this process. */
export interface RingMap {
  readonly fd: number;
  /** Reads it takes at a time, and as many writes. */
  readonly batch: number;
  /** Address of the mapping that has both rings, and its bytes. */
  readonly rings: number;
  readonly ringBytes: number;
  /** Address of the submission entries. */
  readonly entries: number;
  /** Places in the mapping, in 32-bit words. */
  readonly sqHead: number;
  readonly sqTail: number;
  readonly sqArray: number;
  readonly cqHead: number;
  readonly cqTail: number;
  readonly cqes: number;
  /** Completions there is room for, a power of two. */
  readonly cqEntries: number;
}

const params = fixedBuffer(4 * Params.WORDS);
const argument = fixedBuffer(32);

/**
 * Makes a ring for `batch` (a power of two) reads and as many writes at a time, and `files` places for descriptors, all empty.
 * Throws SysError: ENOSYS the kernel has no io_uring, EPERM it is forbidden here, EINVAL the kernel is older than 5.19, ENOMEM,
 * EMFILE. Nothing stays open then. Main only.
 */
export function openIoRing(batch: number, files: number): RingMap {
  const entries = 2 * batch;
  params.u8.fill(0);
  params.view.setUint32(4 * Params.FLAGS, SETUP_SUBMIT_ALL, true);
  const fd = syscall6(CALL_SETUP, entries, params.address, 0, 0, 0, 0);
  if (fd < 0) {
    throwErrno('io_uring_setup', {
      EPERM: 'allow it: sysctl kernel.io_uring_disabled=0, and no seccomp filter against it',
      EMFILE: 'raise the limit of open files (ulimit -n)',
    });
  }
  const word = (at: Params): number => params.view.getUint32(4 * at, true);
  const cqEntries = word(Params.CQ_ENTRIES);
  const ringBytes = Math.max(word(Params.SQ_ARRAY) + 4 * entries, word(Params.CQ_CQES) + 4 * Cqe.WORDS * cqEntries);
  const made: number[] = [];
  try {
    if ((word(Params.FEATURES) & FEATURE_SINGLE_MMAP) === 0) throw new SysError('io_uring', errnoName(ERRNO.EINVAL));
    made.push(map(fd, ringBytes, OFFSET_RINGS));
    made.push(map(fd, 4 * Sqe.WORDS * entries, OFFSET_ENTRIES));
    // struct io_uring_rsrc_register.
    argument.u8.fill(0);
    argument.view.setUint32(0, files, true);
    argument.view.setUint32(4, REGISTER_SPARSE, true);
    if (syscall6(CALL_REGISTER, fd, REGISTER_FILES2, argument.address, 32, 0, 0) < 0) {
      throwErrno('io_uring_register', { EMFILE: 'raise the limit of open files (ulimit -n)' });
    }
  } catch (error) {
    if (made[0] !== undefined) unmap(made[0], ringBytes);
    if (made[1] !== undefined) unmap(made[1], 4 * Sqe.WORDS * entries);
    close(fd);
    throw error;
  }
  return {
    fd,
    batch,
    rings: made[0] as number,
    ringBytes,
    entries: made[1] as number,
    sqHead: word(Params.SQ_HEAD) >> 2,
    sqTail: word(Params.SQ_TAIL) >> 2,
    sqArray: word(Params.SQ_ARRAY) >> 2,
    cqHead: word(Params.CQ_HEAD) >> 2,
    cqTail: word(Params.CQ_TAIL) >> 2,
    cqes: word(Params.CQ_CQES) >> 2,
    cqEntries,
  };
}

function map(fd: number, bytes: number, offset: number): number {
  const at = mapFile(fd, bytes, offset);
  if (at === -1) throwErrno('mmap of an io_uring');
  return at;
}

/** Unmaps and closes a ring that no thread uses any more. */
export function closeIoRing(ring: RingMap): void {
  unmap(ring.rings, ring.ringBytes);
  unmap(ring.entries, 4 * Sqe.WORDS * 2 * ring.batch);
  close(ring.fd);
}

/**
 * Puts descriptor `fd` in place `file` of a ring's table; -1 empties it. The table holds the file open by itself. Throws
 * SysError: EBADF no such descriptor, EINVAL no such place, ENOMEM. Main only; a worker may be using other places meanwhile.
 */
export function setRingFile(ring: RingMap, file: number, fd: number): void {
  // struct io_uring_files_update, and behind it the descriptor it points at.
  argument.u8.fill(0);
  argument.view.setUint32(0, file, true);
  argument.view.setBigUint64(8, BigInt(argument.address + 16), true);
  argument.view.setInt32(16, fd, true);
  if (syscall6(CALL_REGISTER, ring.fd, REGISTER_FILES_UPDATE, argument.address, 1, 0, 0) < 0) {
    throwErrno('io_uring_register');
  }
}

/** A ring as its worker drives it. */
export interface IoRing {
  /** What became of each entry of the last `submit`: bytes, or a negative errno. */
  readonly results: Int32Array;
  /** Entry of the first write; that of the first read is 0. */
  readonly writes: number;
  /** Tells entry `entry` where its bytes are (`at` counted from the base) and how many. */
  prepare(entry: number, at: number, length: number): void;
  /**
   * Carries out entries `first` to `first + n - 1` on registered descriptor `file`, and returns when all are done. What the kernel
   * did not even look at has -EAGAIN in `results`. False if the ring itself is broken and must not be used again.
   */
  submit(first: number, n: number, file: number): boolean;
}

/** Opens a worker's end of `ring`; `base` is the address that places are counted from. What a predecessor left in it is void. */
export function useIoRing(ring: RingMap, base: number): IoRing {
  const { fd, sqTail, sqArray, cqHead, cqTail, cqes } = ring;
  const words = new Int32Array(viewAt(ring.rings, ring.ringBytes));
  const sqes = new Int32Array(viewAt(ring.entries, 4 * Sqe.WORDS * 2 * ring.batch));
  const sqMask = 2 * ring.batch - 1;
  const cqMask = ring.cqEntries - 1;
  const results = new Int32Array(2 * ring.batch);
  const baseLo = base % 2 ** 32;
  const baseHi = Math.floor(base / 2 ** 32);
  let tail = Atomics.load(words, ring.sqHead);
  Atomics.store(words, sqTail, tail);
  let head = Atomics.load(words, cqTail);
  Atomics.store(words, cqHead, head);
  sqes.fill(0);
  for (let entry = 0; entry < 2 * ring.batch; entry++) {
    const s = entry * Sqe.WORDS;
    sqes[s + Sqe.OPCODE] = (entry < ring.batch ? OP_READ : OP_WRITE) | (FIXED_FILE << 8);
    sqes[s + Sqe.RW_FLAGS] = RWF_NOWAIT;
    sqes[s + Sqe.USER_DATA] = entry;
  }

  function prepare(entry: number, at: number, length: number): void {
    const s = entry * Sqe.WORDS;
    const lo = baseLo + at;
    sqes[s + Sqe.ADDRESS_LO] = lo;
    sqes[s + Sqe.ADDRESS_HI] = lo >= 2 ** 32 ? baseHi + 1 : baseHi;
    sqes[s + Sqe.LENGTH] = length;
  }

  function submit(first: number, n: number, file: number): boolean {
    for (let i = 0; i < n; i++) {
      sqes[(first + i) * Sqe.WORDS + Sqe.FILE] = file;
      words[sqArray + ((tail + i) & sqMask)] = first + i;
      results[first + i] = -ERRNO.EAGAIN;
    }
    tail = (tail + n) | 0;
    Atomics.store(words, sqTail, tail);
    let taken = syscall6(CALL_ENTER, fd, n, 0, 0, 0, 0);
    if (taken !== n) {
      const errno = taken < 0 ? lastErrno() : 0;
      // What the kernel did not take must not be there when it is entered next time.
      tail = Atomics.load(words, ring.sqHead);
      Atomics.store(words, sqTail, tail);
      if (!isPassing(errno)) return false;
      taken = Math.max(0, taken);
    }
    return collect(taken);
  }

  /** Takes `n` completions. */
  function collect(n: number): boolean {
    while (n > 0) {
      const end = Atomics.load(words, cqTail);
      if (head === end) {
        // Put off by the kernel against our wish: it holds slots, so there is no going on without it.
        if (syscall6(CALL_ENTER, fd, 0, n, ENTER_GETEVENTS, 0, 0) < 0 && !isPassing(lastErrno())) return false;
        continue;
      }
      n -= (end - head) | 0;
      for (; head !== end; head = (head + 1) | 0) {
        const c = cqes + (head & cqMask) * Cqe.WORDS;
        results[words[c + Cqe.USER_DATA]] = words[c + Cqe.RESULT];
      }
      Atomics.store(words, cqHead, head);
    }
    return true;
  }

  return { results, writes: ring.batch, prepare, submit };
}

/**
 * Whether the ring may be entered again after this errno of io_uring_enter: EINTR a signal came, EAGAIN and ENOMEM no memory for
 * requests, EBUSY completions not yet taken. All others (EBADF, EBADFD, EFAULT, EINVAL, ENXIO, EOPNOTSUPP) are mistakes of ours.
 */
function isPassing(errno: number): boolean {
  return (
    errno === 0 || errno === ERRNO.EINTR || errno === ERRNO.EAGAIN || errno === ERRNO.ENOMEM || errno === ERRNO.EBUSY
  );
}
