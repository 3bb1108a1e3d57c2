import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { ERRNO, errnoName, SysError, throwErrno } from '../../../../src/shared/sys/errno.js';
import { close, lastErrno, open } from '../../../../src/shared/sys/libc.js';

test('errno numbers are those of this system', () => {
  const system = constants.errno as Record<string, number | undefined>;
  for (const [name, number] of Object.entries(ERRNO)) {
    // Node does not know these two.
    const expected = { EBADFD: 77, ENETDOWN: 100 }[name] ?? system[name];
    assert.equal(number, expected, name);
  }
});

test('every number has one name, and an unknown one is printed', () => {
  for (const [name, number] of Object.entries(ERRNO)) assert.equal(errnoName(number), name);
  assert.equal(errnoName(200), 'E200');
});

test('a SysError says what was tried, the errno and the remedy', () => {
  const error = new SysError('TAP tap0', 'EBUSY', 'choose another name');
  assert.equal(error.message, 'TAP tap0: EBUSY; choose another name');
  assert.equal(error.code, 'EBUSY');
  assert.equal(error.syscall, 'TAP tap0');
  assert.equal(error.remedy, 'choose another name');
  assert.ok(error instanceof Error);
  assert.equal(new SysError('socket', 'ENOMEM').message, 'socket: ENOMEM');
  assert.equal(new SysError('socket', 'ENOMEM').remedy, undefined);
});

test('throwErrno takes the errno of the call before it, and its remedy', () => {
  assert.equal(close(-1), -1);
  assert.equal(lastErrno(), ERRNO.EBADF);
  assert.equal(open('/nonexistent', 0), -1);
  assert.throws(() => throwErrno('open', { ENOENT: 'make it', EPERM: 'not this' }), {
    code: 'ENOENT',
    message: 'open: ENOENT; make it',
  });
});
