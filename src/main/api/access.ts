/**
 * Who may do what over the control socket: root, the user that smrouterd runs as and the admin group anything, the read group what
 * only asks. Decided by the credentials of the process at the other end, not by what it says. Main only.
 */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { type Peer, peerOf } from '../../shared/sys/unix-socket.js';

/** What a client may do. */
export type Role = 'admin' | 'reader' | 'nobody';

/** Groups by their numbers; -1 = none. */
export interface AccessGroups {
  readonly admin: number;
  readonly reader: number;
}

/** Only root and the daemon's own user. */
export const NO_GROUPS: AccessGroups = { admin: -1, reader: -1 };

/** The role of the process that connected `socket`, a unix socket that was accepted. Throws SysError. */
export function roleOfSocket(socket: Socket, groups: AccessGroups): Role {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  return roleOf(peerOf(fd), groups, process.getuid?.() ?? 0);
}

/** The role of `peer`, where the daemon runs as user `uid`. */
export function roleOf(peer: Pick<Peer, 'uid' | 'gids'>, groups: AccessGroups, uid: number): Role {
  if (peer.uid === 0 || peer.uid === uid || peer.gids.includes(groups.admin)) return 'admin';
  return peer.gids.includes(groups.reader) ? 'reader' : 'nobody';
}

/** The number of a group given by name or number. Throws Error when there is no such group. */
export function groupId(name: string, file = '/etc/group'): number {
  if (/^\d{1,9}$/.test(name)) return Number(name);
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const id = line?.split(':')[2];
  if (id === undefined) throw new Error(`${name}: no such group`);
  return Number(id);
}
