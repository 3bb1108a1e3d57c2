/**
 * What a service manager is told (sd_notify(3)): ready, reloading, stopping, and that this thread still turns, so that one
 * that is wedged is noticed from outside. Without NOTIFY_SOCKET in the environment nothing is told. Main only.
 */
import { SysError } from '../../shared/sys/errno.js';
import { sendDatagram } from '../../shared/sys/unix-socket.js';

/** How often room is looked for in the manager's socket, and most messages that wait for it. */
const AGAIN_MS = 100;
const WAITING_MOST = 64;

/** Tells the service manager that started this process. */
export class ServiceManager {
  private readonly socket: string;
  private readonly failed: (error: unknown) => void;
  private readonly watchdog: NodeJS.Timeout | undefined;
  /** What found no room, in order. */
  private readonly waiting: string[] = [];
  private again: NodeJS.Timeout | undefined;

  /**
   * `environment` as systemd sets it: NOTIFY_SOCKET, and WATCHDOG_USEC with WATCHDOG_PID where it wants to hear twice in so
   * many microseconds. `failed` hears why telling failed; nothing is thrown.
   */
  constructor(environment: Readonly<NodeJS.ProcessEnv>, failed: (error: unknown) => void) {
    this.socket = environment.NOTIFY_SOCKET ?? '';
    this.failed = failed;
    const usec = Number(environment.WATCHDOG_USEC ?? 0);
    const mine = (environment.WATCHDOG_PID ?? String(process.pid)) === String(process.pid);
    if (this.socket === '' || !(usec > 0) || !mine) return;
    // One that finds no room is not missed: the manager has others to read.
    this.watchdog = setInterval(() => {
      if (this.waiting.length === 0) this.send('WATCHDOG=1');
    }, usec / 2000).unref();
  }

  /** It forwards. */
  ready(status: string): void {
    this.tell(`READY=1\nSTATUS=${status}\nMAINPID=${process.pid}`);
  }

  /** It reads its configuration anew; `ready` ends that. */
  reloading(): void {
    this.tell(`RELOADING=1\nMONOTONIC_USEC=${monotonicUsec()}`);
  }

  /** Process `pid` is the service now. */
  succeeded(pid: number): void {
    this.tell(`MAINPID=${pid}`);
    this.close();
  }

  /** It leaves; the watchdog goes on until the process ends. */
  stopping(): void {
    this.tell('STOPPING=1');
  }

  /** Ends the watchdog. */
  close(): void {
    clearInterval(this.watchdog);
  }

  private tell(text: string): void {
    if (this.socket === '') return;
    this.waiting.push(text);
    if (this.again === undefined) this.tellWaiting();
  }

  /** Tells what waits, as far as there is room. */
  private tellWaiting(): void {
    this.again = undefined;
    for (let text = this.waiting[0]; text !== undefined; text = this.waiting[0]) {
      if (!this.send(text) && this.waiting.length < WAITING_MOST) {
        this.again = setTimeout(() => this.tellWaiting(), AGAIN_MS).unref();
        return;
      }
      this.waiting.shift();
    }
  }

  /** False if the manager's socket has no room. */
  private send(text: string): boolean {
    try {
      sendDatagram(this.socket, text);
    } catch (error) {
      if (error instanceof SysError && error.code === 'EAGAIN') return false;
      this.failed(error);
    }
    return true;
  }
}

/** CLOCK_MONOTONIC in microseconds: on Linux the clock behind `process.hrtime`. */
function monotonicUsec(): bigint {
  return process.hrtime.bigint() / 1000n;
}
