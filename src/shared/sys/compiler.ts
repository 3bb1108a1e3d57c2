/**
 * How V8 compiles the threads of this process. Called once by each program that forwards, before its workers start: the settings are the
 * process's, and count for what is optimised from then on.
 *
 * The frame path is written as small functions that call each other once, ten deep in a router. V8 stops inlining into a loop after 920
 * bytes of their bytecode, wherever that happens to be, and each call left costs 1 to 3 ns a frame. With 4000 bytes `route4` takes
 * 62 ns a frame in place of 77, `route6` 75 in place of 105, End.DT4 102 in place of 124 (Node 20.20.2); 1800 gives half of it.
 *
 * V8 optimises a function when it has run through some bytes of it three times over. With its own 67584, a ping every 5 ms crossed a router that
 * spins in 110 µs, and later 45, for its first 1400 frames there and back, and then in 13; with 10000 the first 200 take 14 to 17. What is
 * learned of the frames by then is enough: veb, `route4` and `route6` are as fast as before.
 */
import { setFlagsFromString } from 'node:v8';

/** V8's options, as `node --v8-options` lists them. */
export const COMPILER_FLAGS: readonly string[] = [
  '--max-inlined-bytecode-size-cumulative=4000',
  '--interrupt-budget=10000',
];

/** Sets them. An option that a future V8 does not know costs a line on standard error and nothing else. */
export function tuneCompiler(): void {
  for (const flag of COMPILER_FLAGS) setFlagsFromString(flag);
}
