/**
 * What the capture writer's thread runs: one piscina task that ends when main asks it to (ARCHITECTURE.md, "Threads").
 */
import { type WriterTask, writeCaptures } from './loop.js';

/** Writes captures until main says stop. */
export function run(task: WriterTask): void {
  writeCaptures(task);
}
