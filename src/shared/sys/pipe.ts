/**
 * pipe2(2), for programs that read pipes but not sockets, which is what Node gives its children. Main only.
 */
import { throwErrno } from './errno.js';
import { fixedBuffer, pipe2 } from './libc.js';

const O_CLOEXEC = 0o2000000;

/** A new pipe; a child has no end of it but what it is started with. Throws SysError. */
export function makePipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const ends = fixedBuffer(8);
  if (pipe2(ends.address, O_CLOEXEC) === -1) throwErrno('pipe2');
  return { readEnd: ends.view.getInt32(0, true), writeEnd: ends.view.getInt32(4, true) };
}
