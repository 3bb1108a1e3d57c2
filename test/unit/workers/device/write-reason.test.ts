import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Drop } from '../../../../src/shared/counter/drop-reason.js';
import { ERRNO } from '../../../../src/shared/sys/errno.js';
import { writeReason } from '../../../../src/workers/device/write-reason.js';

test('each errno of writing a frame has its drop reason; one that nobody foresaw is that of a device that is gone', () => {
  const reasons = {
    EAGAIN: Drop.QUEUE_FULL,
    EINTR: Drop.QUEUE_FULL,
    ENOMEM: Drop.QUEUE_FULL,
    ENOBUFS: Drop.QUEUE_FULL,
    EIO: Drop.LINK_DOWN,
    ENETDOWN: Drop.LINK_DOWN,
    EINVAL: Drop.REFUSED,
    EMSGSIZE: Drop.REFUSED,
    E2BIG: Drop.REFUSED,
    EBADFD: Drop.GONE,
    ENODEV: Drop.GONE,
    ENXIO: Drop.GONE,
    EBADF: Drop.GONE,
    EPERM: Drop.GONE,
  } as const;
  for (const [name, reason] of Object.entries(reasons))
    assert.equal(writeReason(ERRNO[name as keyof typeof reasons]), reason, name);
});
