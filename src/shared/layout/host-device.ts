/**
 * An attached host interface: a record in the heap with a block for each of its queues. Made by main when the link is there, and
 * never changed but by the worker that drives a queue; another link gets another record.
 *
 * Words of main and of a worker are 128 bytes apart. Addresses are two words, the lower first.
 */

/** The head of the record. W: main. R: workers. */
export const enum HostDevice {
  KIND = 0,
  /** A number that no other record ever had: what a worker has opened is known by it. */
  SERIAL = 1,
  /** Queues, one block each. */
  QUEUES = 2,
  /** Device MTU with the Ethernet header, in bytes: longer frames cannot be sent but in segments. */
  FRAME_MAX = 3,
  /** The kernel's number of the interface. */
  IFINDEX = 4,
  /** Queue through which worker w sends is at SENDER + w: its own, or one whose owner it hands frames to; -1 = it cannot. */
  SENDER = 8,
  /** AF_XDP: places of producer, consumer, entries and flags in each of the four rings, in words. */
  OFFSETS = 32,
  /** First queue's block. */
  QUEUE0 = 64,
}

/** A queue's block. */
export const enum Queue {
  /** Worker that drives it. W: main. R: workers. */
  OWNER = 0,
  /** The socket. W: main. R: that worker. */
  FD = 1,
  /** Where its rings are mapped: both of a packet socket, or of AF_XDP each in turn. W: main. R: that worker. */
  RING0 = 2,
  /** W: main. R: that worker. */
  RING1 = 4,
  /** W: main. R: that worker. */
  RING2 = 6,
  /** W: main. R: that worker. */
  RING3 = 8,
  /** AF_XDP: 1 where partial checksums may come unmarked. W: main. R: that worker. */
  COPIES = 10,
  /** Next frame of the receive ring. W: that worker. R: that worker. */
  RX_NEXT = 32,
  /** The same, once the frame before is the kernel's again. W: that worker. R: that worker. */
  RX_DONE = 35,
  /** Frames of the transmit ring before this one are the kernel's, or free. W: that worker. R: that worker. */
  TX_HEAD = 33,
  /** Next frame of the transmit ring to be filled. W: that worker. R: that worker. */
  TX_TAIL = 34,
  /** Words of a block. */
  WORDS = 64,
}

/** Words of a record with `queues` queues. */
export function hostDeviceWords(queues: number): number {
  return HostDevice.QUEUE0 + queues * Queue.WORDS;
}

/** Index of the first word of queue `queue` of the record at `device`. */
export function queueBlock(device: number, queue: number): number {
  return device + HostDevice.QUEUE0 + queue * Queue.WORDS;
}

/** Writes an address into two words. Main only. */
export function storeAddress(heap: Int32Array, at: number, address: number): void {
  heap[at] = address | 0;
  heap[at + 1] = Math.floor(address / 2 ** 32);
}

/** Reads it. */
export function loadAddress(heap: Int32Array, at: number): number {
  return heap[at + 1] * 2 ** 32 + (heap[at] >>> 0);
}
