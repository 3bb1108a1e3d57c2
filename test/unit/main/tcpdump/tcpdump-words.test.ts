/** The words of `smrctl tcpdump` (main/tcpdump/tcpdump-words.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tcpdumpWords } from '../../../../src/main/tcpdump/tcpdump-words.js';

const PLAIN = { interface: 'veb0', link: '', direction: '', snap: 262_144, fildrop: 'pass', filter: '' };

/** What a line of words is read as. */
const read = (line: string): ReturnType<typeof tcpdumpWords> => tcpdumpWords(line.split(' '));

test('an interface alone: text of everything', () => {
  assert.deepEqual(read('-i veb0'), { request: PLAIN, count: 0, file: '', printing: [] });
});

test('options bundle, with a value at the end or behind; a filter is what follows', () => {
  assert.deepEqual(read('-vveni erspan0 -s1600'), {
    request: { ...PLAIN, interface: 'erspan0', snap: 1600 },
    count: 0,
    file: '',
    printing: ['-v', '-v', '-e', '-n'],
  });
  assert.deepEqual(read('-lnierspan0 -c 12 -wx.pcap -y loop -Din -B fildrop=drop ip and not port 22'), {
    request: {
      interface: 'erspan0',
      link: 'LOOP',
      direction: 'in',
      snap: 262_144,
      fildrop: 'drop',
      filter: 'ip and not port 22',
    },
    count: 12,
    file: 'x.pcap',
    printing: ['-n'],
  });
  assert.equal(read('-i veb0 -Bcapture').request.fildrop, 'capture');
  assert.equal(read('-i veb0 -s 0').request.snap, 262_144);
  assert.equal(read('-i veb0 -w -').file, '-');
  assert.equal(read('-i veb0 -- -1 > ip').request.filter, '-1 > ip');
});

for (const line of [
  '-n',
  '-i',
  '-i veb0 -c 0',
  '-i veb0 -c x',
  '-i veb0 -s 262145',
  '-i veb0 -s -1',
  '-i veb0 -y ETHER',
  '-i veb0 -D both',
  '-i veb0 -B maybe',
  '-i veb0 -Z',
  '-i veb0 --number',
  '-i veb0 -w',
]) {
  test(`${line}: EINVAL`, () => {
    assert.throws(() => read(line), { code: 'EINVAL' });
  });
}
