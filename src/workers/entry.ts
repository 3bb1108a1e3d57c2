/**
 * What a worker thread runs: one piscina task that never ends until main asks it to (ARCHITECTURE.md, "Threads").
 */
import { addressOf } from '../shared/sys/libc.js';
import { Context, type WorkerTask } from './context.js';
import { makeLoop } from './loop.js';

/** Forwards packets as worker `task.me` until `Control.STOP` is set. Resolves the task's promise when it has left. */
export function run(task: WorkerTask): void {
  makeLoop(new Context(task, addressOf)).forward();
}

/** What a thread runs that is to stand by for a worker that may die: nothing, but its code is loaded. */
export function standBy(): void {}
