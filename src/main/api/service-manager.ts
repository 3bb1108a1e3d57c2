/**
 * What a service manager is told (sd_notify(3)): ready, reloading, stopping, and that this thread still turns, so that one
 * that is wedged is noticed from outside. Without NOTIFY_SOCKET in the environment nothing is told. Main only.
 */
import { sendDatagram } from '../../shared/sys/unix-socket.js';

/** Tells the service manager that started this process. */
export class ServiceManager {
  private readonly socket: string;
  private readonly failed: (error: unknown) => void;
  private readonly watchdog: NodeJS.Timeout | undefined;

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
    this.watchdog = setInterval(() => this.tell('WATCHDOG=1'), usec / 2000).unref();
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
    try {
      sendDatagram(this.socket, text);
    } catch (error) {
      this.failed(error);
    }
  }
}

/** CLOCK_MONOTONIC in microseconds: on Linux the clock behind `process.hrtime`. */
function monotonicUsec(): bigint {
  return process.hrtime.bigint() / 1000n;
}
