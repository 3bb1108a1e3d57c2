/**
 * A router with one worker on memory ports, and smrctl's commands on it.
 */
import { runCommand } from '../../../src/main/cli/command.js';
import { splitWords } from '../../../src/main/config/lines.js';
import { Router } from '../../../src/main/router.js';
import { smallSizes } from '../../support/stations.js';
import { silent } from '../../support/stress.js';

export class Commands {
  readonly router: Router;

  private constructor(router: Router) {
    this.router = router;
  }

  /** A router on which `lines` have been run. */
  static async after(...lines: string[]): Promise<Commands> {
    const router = await Router.start({ workers: 1, kernelTaps: false, sizes: smallSizes(2), log: silent });
    const commands = new Commands(router);
    for (const line of lines) await commands.run(line);
    return commands;
  }

  /** What a command prints. Throws ControlError. */
  run(line: string, json = false): Promise<string> {
    return runCommand(this.router, splitWords(line), json, { reload: () => Promise.resolve(), shutdown: () => {} });
  }

  /** The values it prints with `--json`. */
  async json(line: string): Promise<unknown> {
    return JSON.parse(await this.run(line, true));
  }
}

/** The network of the display tests: two ports, a pair of rports, two domains, routes of every kind. */
export const NETWORK = [
  'ifconfig lo0 create inet 127.0.0.1/8 inet6 ::1/128 up',
  'ifconfig mem0 create lladdr 2:0:0:0:0:1 inet 10.0.0.1/24 inet6 2001:db8::1/64 up',
  'ifconfig mem1 create lladdr 2:0:0:0:0:2 inet 10.0.1.1/24 inet 10.0.2.1/28 alias',
  'ifconfig rport0 create inet 169.254.0.1 169.254.0.2 up',
  'ifconfig rport1 create rdomain 1 inet 169.254.0.2 169.254.0.1 parent rport0 up',
  'route add default 10.0.0.2',
  'route add 172.16/12 10.0.1.2',
  'route add -mpath 172.16/12 10.0.0.3',
  'route add -blackhole 192.168.9/24',
  'route add -inet6 default 2001:db8::2',
  'route -T 1 add -reject 192.0.2.4',
];
