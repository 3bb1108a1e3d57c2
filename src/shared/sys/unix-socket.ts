/**
 * What Node's unix sockets cannot do: datagrams to a service manager (sd_notify(3)), and who is at the other end (unix(7),
 * SO_PEERCRED and SO_PEERGROUPS). Main only; each call returns at once.
 */
import { SysError, throwErrno } from './errno.js';
import { close, connect, fixedBuffer, getsockopt, socket, write } from './libc.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERGROUPS = 59;
/** struct sockaddr_un. */
const PATH = 2;
const SOCKADDR_UN = 110;
/** Groups that are looked at: more than anybody is in. */
const GROUPS_MOST = 1024;

/** A process at the other end of a unix socket, as it was when it connected. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  /** Its group, and those it is in besides. */
  readonly gids: readonly number[];
}

const argument = fixedBuffer(GROUPS_MOST * 4);
const target = fixedBuffer(SOCKADDR_UN);
const room = fixedBuffer(4);

/**
 * Sends one datagram of text, 4096 bytes at most, to a unix socket: a path, or `@NAME` for an abstract one. Throws SysError:
 * EINVAL a name too long, EMSGSIZE, ENOENT or ECONNREFUSED nobody there, EAGAIN no room.
 */
export function sendDatagram(to: string, text: string): void {
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd === -1) throwErrno('unix socket');
  try {
    const name = Buffer.from(to.replace(/^@/, '\0'));
    const bytes = Buffer.from(text);
    if (name.length > SOCKADDR_UN - PATH)
      throw new SysError(`connect to ${to}`, 'EINVAL', 'a name of 108 bytes at most');
    if (bytes.length > argument.u8.length) throw new SysError(`send to ${to}`, 'EMSGSIZE');
    target.view.setUint16(0, AF_UNIX, true);
    target.u8.set(name, PATH);
    if (connect(fd, target.address, PATH + name.length) === -1) throwErrno(`connect to ${to}`);
    argument.u8.set(bytes);
    if (write(fd, argument.address, bytes.length) === -1) throwErrno(`send to ${to}`);
  } finally {
    close(fd);
  }
}

/** Who connected the unix stream socket `fd`. Throws SysError. */
export function peerOf(fd: number): Peer {
  const option = (name: number): number => {
    room.view.setInt32(0, argument.u8.length, true);
    if (getsockopt(fd, SOL_SOCKET, name, argument.address, room.address) === -1) throwErrno('peer credentials');
    return room.view.getInt32(0, true) / 4;
  };
  option(SO_PEERCRED);
  const [pid, uid, gid] = [0, 4, 8].map((at) => argument.view.getUint32(at, true)) as [number, number, number];
  const count = option(SO_PEERGROUPS);
  const groups = Array.from({ length: count }, (_, n) => argument.view.getUint32(n * 4, true));
  return { pid, uid, gids: [gid, ...groups] };
}
