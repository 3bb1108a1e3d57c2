/**
 * Errors of the control path: one class, a symbolic code as the spec gives it, a message, the cause kept.
 */

/** The codes in use, with what they mean when nothing more is known. */
const MEANING = {
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'address not available',
  EAFNOSUPPORT: 'address family not supported',
  EAGAIN: 'try again',
  EBUSY: 'busy',
  EDESTADDRREQ: 'destination address required',
  EEXIST: 'exists already',
  EINVAL: 'invalid argument',
  EMFILE: 'too many open files',
  EMSGSIZE: 'message too long',
  EIO: 'input/output error',
  ENETDOWN: 'the network is down',
  ENETUNREACH: 'no route to that network',
  ENOBUFS: 'no buffer space',
  ENODEV: 'not supported by device',
  ENOENT: 'no such file',
  ENOMEM: 'out of memory',
  ENOSPC: 'no space left',
  ENOTTY: 'not supported by this interface',
  ENXIO: 'no such interface',
  EOPNOTSUPP: 'not supported',
  EPERM: 'operation not permitted',
  EPROTONOSUPPORT: 'not an Ethernet interface',
  ESRCH: 'not a port of this bridge',
  ETIMEDOUT: 'timed out',
} as const;

/** A symbolic errno of the control path. */
export type ErrorCode = keyof typeof MEANING;

/** What a command fails with: nothing has changed when it is thrown before the plan runs, or all is undone. */
export class ControlError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string = MEANING[code], cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Any error as a ControlError: system errors keep their code where it is one of ours, the rest becomes EIO. */
export function asControlError(error: unknown): ControlError {
  if (error instanceof ControlError) return error;
  const { code, message } = error as { code?: string; message?: string };
  const known = code !== undefined && code in MEANING ? (code as ErrorCode) : 'EIO';
  return new ControlError(known, message ?? String(error), error);
}
