/**
 * What the JavaScript heap of a thread takes. Any thread, of itself.
 */
import { getHeapStatistics } from 'node:v8';

/**
 * KiB of this thread's objects, garbage that is not collected yet among them, and of the buffers that hang on them; shared memory is not
 * counted. Takes some microseconds and makes an object: for once a second, not for a burst.
 */
export function heapKib(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return Math.round((used_heap_size + external_memory) / 1024);
}
