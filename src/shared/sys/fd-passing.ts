/**
 * Descriptors from one process to another over a unix socket (unix(7), SCM_RIGHTS): Node's own sockets discard them. Main only.
 *
 * One side listens and looks in from time to time; the other sends, and waits a moment where it must.
 */
import { SysError, throwErrno } from './errno.js';
import { accept4, bind, close, connect, fixedBuffer, listen, recvmsg, sendmsg, setsockopt, socket } from './libc.js';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDTIMEO = 21;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** struct sockaddr_un. */
const SOCKADDR_UN = 110;
/** struct msghdr and struct cmsghdr of 64-bit Linux. */
const CMSGHDR = 16;
/** Descriptors of one message; the kernel takes 253. */
const FDS_MOST = 64;
const TEXT_MOST = 4096;
/** A receiver that does not look in for so long is given up. */
const SEND_MS = 2000;

/** One message: text, and the descriptors that came with it, which are the receiver's to close. */
export interface DescriptorMessage {
  readonly text: string;
  readonly fds: readonly number[];
}

const name = fixedBuffer(SOCKADDR_UN);
const text = fixedBuffer(TEXT_MOST);
const control = fixedBuffer(CMSGHDR + FDS_MOST * 4);
const vector = fixedBuffer(16);
const header = fixedBuffer(56);

/** Writes `path` as a socket's name; returns its length. Throws EINVAL for one of over 107 bytes. */
function socketName(path: string): number {
  const bytes = Buffer.from(path);
  if (bytes.length > SOCKADDR_UN - 3) throw new SysError(`socket ${path}`, 'EINVAL', 'a path of 107 bytes at most');
  name.u8.fill(0);
  name.view.setUint16(0, AF_UNIX, true);
  name.u8.set(bytes, 2);
  return 3 + bytes.length;
}

/** Sets the message header for so many bytes of text and of control data. */
function describe(textBytes: number, controlBytes: number): void {
  vector.view.setBigUint64(0, BigInt(text.address), true);
  vector.view.setBigUint64(8, BigInt(textBytes), true);
  header.u8.fill(0);
  header.view.setBigUint64(16, BigInt(vector.address), true);
  header.view.setBigUint64(24, 1n, true);
  header.view.setBigUint64(32, BigInt(controlBytes === 0 ? 0 : control.address), true);
  header.view.setBigUint64(40, BigInt(controlBytes), true);
}

/** The receiving side. */
export class DescriptorListener {
  private readonly listening: number;
  private accepted = -1;

  /** Listens at `path`, which must be free. Throws SysError: EADDRINUSE, EACCES, ENOENT. */
  constructor(path: string) {
    this.listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (this.listening === -1) throwErrno('unix socket');
    const length = socketName(path);
    if (bind(this.listening, name.address, length) === -1 || listen(this.listening, 1) === -1) {
      try {
        throwErrno(`listen at ${path}`);
      } finally {
        close(this.listening);
      }
    }
  }

  /** What has come since the last look. */
  take(): DescriptorMessage[] {
    const messages: DescriptorMessage[] = [];
    if (this.accepted === -1) this.accepted = accept4(this.listening, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (this.accepted !== -1) {
      describe(TEXT_MOST, control.u8.length);
      const got = recvmsg(this.accepted, header.address, MSG_CMSG_CLOEXEC);
      if (got <= 0) break;
      const bytes = Number(header.view.getBigUint64(40, true));
      const count = bytes < CMSGHDR ? 0 : (Number(control.view.getBigUint64(0, true)) - CMSGHDR) / 4;
      const fds = Array.from({ length: count }, (_, n) => control.view.getInt32(CMSGHDR + n * 4, true));
      messages.push({ text: Buffer.from(text.u8.slice(0, got)).toString(), fds });
    }
    return messages;
  }

  /** Ends it; the path stays, for whoever made its folder to remove. */
  close(): void {
    if (this.accepted !== -1) close(this.accepted);
    close(this.listening);
  }
}

/** Sends messages to a `DescriptorListener` at `path`. Throws SysError: ENOENT, ECONNREFUSED, EAGAIN when nobody looks in. */
export function sendDescriptors(path: string, messages: readonly DescriptorMessage[]): void {
  const fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd === -1) throwErrno('unix socket');
  try {
    const { view, address } = fixedTimeout;
    view.setBigInt64(0, BigInt(Math.trunc(SEND_MS / 1000)), true);
    view.setBigInt64(8, BigInt((SEND_MS % 1000) * 1000), true);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, address, 16) === -1) throwErrno('socket timeout');
    if (connect(fd, name.address, socketName(path)) === -1) throwErrno(`connect to ${path}`);
    for (const message of messages) send(fd, path, message);
  } finally {
    close(fd);
  }
}

const fixedTimeout = fixedBuffer(16);

function send(fd: number, path: string, message: DescriptorMessage): void {
  const bytes = Buffer.from(message.text);
  if (bytes.length > TEXT_MOST || message.fds.length > FDS_MOST) throw new SysError(`send to ${path}`, 'EMSGSIZE');
  text.u8.set(bytes);
  const controlBytes = message.fds.length === 0 ? 0 : CMSGHDR + message.fds.length * 4;
  control.view.setBigUint64(0, BigInt(controlBytes), true);
  control.view.setInt32(8, SOL_SOCKET, true);
  control.view.setInt32(12, SCM_RIGHTS, true);
  message.fds.forEach((passed, n) => {
    control.view.setInt32(CMSGHDR + n * 4, passed, true);
  });
  describe(bytes.length, controlBytes);
  if (sendmsg(fd, header.address, 0) === -1) throwErrno(`send to ${path}`);
}
