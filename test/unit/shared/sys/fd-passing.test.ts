import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DescriptorListener, sendDescriptors } from '../../../../src/shared/sys/fd-passing.js';
import { temporaryFolder } from '../../../support/programs.js';

const folder = temporaryFolder();

describe('descriptors over a unix socket', () => {
  it('arrive as descriptors of the same files, in the order sent', () => {
    const path = join(folder, 'listener');
    const listener = new DescriptorListener(path);
    const files = ['one', 'two', 'three'].map((name) => join(folder, name));
    for (const file of files) writeFileSync(file, file);
    const fds = files.map((file) => openSync(file, 'r'));
    assert.deepEqual(listener.take(), []);
    sendDescriptors(path, [
      { text: 'first', fds: fds.slice(0, 2) },
      { text: 'none', fds: [] },
      { text: '{"third":1}', fds: fds.slice(2) },
    ]);
    const came = listener.take();
    listener.close();
    assert.deepEqual(
      came.map(({ text, fds: got }) => [text, got.length]),
      [
        ['first', 2],
        ['none', 0],
        ['{"third":1}', 1],
      ],
    );
    for (const fd of fds) closeSync(fd);
    const got = came.flatMap((message) => message.fds);
    assert.deepEqual(
      got.map((fd) => readFileSync(fd, 'utf8')),
      files,
    );
    for (const fd of got) closeSync(fd);
  });

  it('a message that nobody takes, a path that is taken, absent or too long: an error', () => {
    const path = join(folder, 'busy');
    const listener = new DescriptorListener(path);
    assert.throws(() => new DescriptorListener(path), { code: 'EADDRINUSE' });
    assert.throws(() => sendDescriptors(path, [{ text: 'x'.repeat(5000), fds: [] }]), { code: 'EMSGSIZE' });
    assert.throws(() => sendDescriptors(join(folder, 'absent'), []), { code: 'ENOENT' });
    assert.throws(() => sendDescriptors(`/${'x'.repeat(120)}`, []), { code: 'EINVAL' });
    listener.close();
    assert.throws(() => sendDescriptors(path, []), { code: 'ECONNREFUSED' });
  });

  it('what was sent and not taken is closed with the listener', () => {
    const path = join(folder, 'dropped');
    const listener = new DescriptorListener(path);
    const fd = openSync('/dev/null', 'r');
    sendDescriptors(path, [{ text: '', fds: [fd] }]);
    listener.close();
    assert.ok(fstatSync(fd).isCharacterDevice(), 'ours stays open');
    closeSync(fd);
  });
});
