/**
 * What a test needs of the machine, as the value of node:test's `skip`: false, or the reason it cannot run here.
 */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';

const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

/** Whether this process has a capability (capabilities(7)); a container's root may lack it. */
function has(capability: bigint): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return effective !== null && ((BigInt(`0x${effective[1]}`) >> capability) & 1n) === 1n;
}

/** One question for each requirement. */
export const skipReason = {
  /** Interfaces and namespaces can be made. */
  root(): string | false {
    if (has(CAP_NET_ADMIN) && has(CAP_SYS_ADMIN)) return false;
    return 'needs root (CAP_NET_ADMIN and CAP_SYS_ADMIN)';
  },

  /** A program is installed. */
  program(name: string): string | false {
    const found = (process.env.PATH ?? '').split(':').some((folder) => existsSync(`${folder}/${name}`));
    return found ? false : `needs ${name} (script/bootstrap test)`;
  },

  /** TAPs can be made. */
  tun(): string | false {
    try {
      accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    } catch {
      return 'needs /dev/net/tun (modprobe tun)';
    }
    return this.root();
  },
};
