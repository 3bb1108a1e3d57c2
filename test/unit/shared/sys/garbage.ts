/** The collector, for tests of what calls leave behind. Works whether or not Node was started with --expose-gc. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { boxAddresses, fixedBuffer } from '../../../../src/shared/sys/libc.js';

const ROUNDS = 5;
const CHUNKS = 100;
/** Few enough that a chunk's garbage stays far from filling the young generation. */
const CHUNK = 1000;

/** A full collection, on the spot. */
export function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/**
 * Bytes of heap that 100 000 turns add: `run(n)` makes n of them. Growth is summed over short chunks, leaving out those in which
 * the collector ran, and is the least of five rounds: compiling costs a round some hundred kB, garbage is there in each.
 */
export function garbageOf(run: (turns: number) => void): number {
  run(CHUNK * CHUNKS);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    let grown = 0;
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      const before = process.memoryUsage().heapUsed;
      run(CHUNK);
      grown += Math.max(0, process.memoryUsage().heapUsed - before);
    }
    least = Math.min(least, grown);
  }
  return least;
}

/**
 * Four places of 64 KiB in memory whose addresses V8 must box, as those of the regions: small buffers lie below 2^31, where a
 * computed address is a small integer and costs nothing.
 */
export function boxedPlaces(): { u8: Uint8Array; addresses: number[] } {
  const { u8, address } = fixedBuffer(1 << 20);
  if (address < 2 ** 31) throw new Error(`address ${address} needs no box: this memory proves nothing`);
  return { u8, addresses: boxAddresses([0, 1, 2, 3].map((place) => address + place * 65_536)) };
}
