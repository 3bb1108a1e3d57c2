/** A command that runs another one with one system call forbidden by a seccomp filter, as containers do; needs python3. */

/** EPERM for call number argv[1], then the rest of argv. */
const SCRIPT = `
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
code = b''.join(struct.pack('HBBI', *op) for op in [
    (0x20, 0, 0, 0),                    # the call's number
    (0x15, 0, 1, int(sys.argv[1])),     # is it that one?
    (0x06, 0, 0, 0x00050001),           # EPERM
    (0x06, 0, 0, 0x7fff0000)])          # go on
program = ctypes.create_string_buffer(code, len(code))
filter = struct.pack('HxxxxxxP', len(code) // 8, ctypes.addressof(program))
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.create_string_buffer(filter, len(filter)), 0, 0):
    sys.exit('no seccomp here')
os.execvp(sys.argv[2], sys.argv[2:])
`;

/** `command` with system call `call` forbidden to it and all it starts. */
export function forbidding(call: number, command: readonly string[]): string[] {
  return ['/usr/bin/python3', '-c', SCRIPT, String(call), ...command];
}
