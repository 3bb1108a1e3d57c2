/**
 * `smrctl upgrade`: the daemon starts the program that is installed now, with its own options, and that one takes its place (takeover.ts).
 * Main only.
 *
 * So the next one is where a service manager has put this one: in its control group, with its rights, its environment and its output. This one
 * hands over being the service's main process (`MAINPID`) before it leaves, as systemd believes that of nobody else.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { ControlError } from './errors.js';

export class Upgrade {
  private child: ChildProcess | undefined;
  private taken: () => void = () => {};

  /** Starts the next one. Resolves when it takes over; throws ControlError when it ends before, and this one goes on. */
  start(): Promise<string> {
    if (this.child !== undefined) throw new ControlError('EBUSY', 'another upgrade is under way');
    const words = process.argv.slice(1);
    const options = words.includes('--takeover') ? words : [...words, '--takeover'];
    // WATCHDOG_PID says whose heartbeats are meant.
    const { WATCHDOG_PID: _, ...env } = process.env;
    const child = spawn(process.execPath, [...process.execArgv, ...options], { stdio: ['ignore', 1, 2], env });
    this.child = child;
    return new Promise((resolve, reject) => {
      const failed = (why: string): void => {
        this.child = undefined;
        reject(new ControlError('EIO', `${why}; this one goes on`));
      };
      child.once('error', (error) => failed(error.message));
      child.once('exit', (code, signal) =>
        failed(`the new smrouterd ended with ${signal ?? `status ${code}`}, its log or standard error says why`),
      );
      this.taken = () => {
        child.removeAllListeners('exit');
        child.unref();
        resolve(`process ${child.pid} takes over\n`);
      };
    });
  }

  /** Another process has taken over. */
  done(): void {
    this.taken();
  }
}
