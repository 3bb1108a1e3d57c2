/**
 * Damaged capture files: opened to go on with, each is refused and stays as it is, or keeps its whole records and loses at most the one that
 * ends too early; what is kept reads back as it was (main/control/capture-file.ts).
 */
import assert from 'node:assert/strict';
import { closeSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCaptureFile } from '../../src/main/control/capture-file.js';
import type { Encoding } from '../../src/shared/ring/writer-message.js';
import { LinkType, MOST_SNAPLEN } from '../../src/shared/wire/pcap.js';
import { pcapngSection } from '../../src/shared/wire/pcapng.js';
import { pcapFile, readPcapFile } from '../support/pcap-file.js';
import { temporaryFolder } from '../support/programs.js';
import { BOX_MS, withSeed } from '../support/stress.js';

const path = join(temporaryFolder(), 'a.pcap');
const encoding = {
  linkType: LinkType.EN10MB,
  snaplen: 1000,
  resolution: 1,
  interfaceName: 'tap0',
  filter: '',
} as const;
const target = { kind: 'file', path, rotateBytes: 0, rotateSeconds: 0, keep: 1, fsync: 'never' } as const;

/** What is left of `bytes` after the file was opened; undefined if it was refused. */
async function opened(bytes: Buffer, format: Encoding['format']): Promise<Buffer | undefined> {
  writeFileSync(path, bytes);
  try {
    const file = await openCaptureFile({ ...target, encoding: { ...encoding, format } });
    closeSync(file.fd);
    const left = readFileSync(path);
    assert.equal(file.size, left.length);
    return left;
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'EEXIST', (error as Error).message);
    assert.deepEqual(readFileSync(path), bytes, 'a refused file was changed');
    return undefined;
  }
}

test('files with bytes changed, cut off, or added', () =>
  withSeed(async (random) => {
    let [kept, cut, refused] = [0, 0, 0];
    for (const until = performance.now() + BOX_MS / 2; performance.now() < until; ) {
      const packets = Array.from({ length: random(20) }, (_, n) => {
        return { seconds: n, nanoseconds: 1, length: 60, bytes: new Uint8Array(random(200)).fill(n) };
      });
      const whole = pcapFile(LinkType.EN10MB, packets, random(4) === 0 ? 500 : 1000);
      const part = random(3) === 0 ? whole.subarray(0, random(whole.length + 1)) : whole;
      const bytes = Buffer.concat([part, Buffer.alloc(random(4) === 0 ? random(40) : 0, random(256))]);
      for (let n = random(3); n > 0 && bytes.length > 0; n--) bytes[random(bytes.length)] = random(256);
      const left = await opened(bytes, 'pcap');
      if (left === undefined) {
        refused++;
        continue;
      }
      assert.deepEqual(left, bytes.subarray(0, left.length));
      assert.ok(bytes.length - left.length < 16 + MOST_SNAPLEN);
      if (left.length > 0) readPcapFile(left);
      if (left.length < bytes.length) cut++;
      else kept++;
    }
    assert.ok(kept > 0 && cut > 0 && refused > 0, `${kept} kept, ${cut} cut, ${refused} refused`);
  }));

test('the same of pcapng', () =>
  withSeed(async (random) => {
    const section = pcapngSection({ linkType: LinkType.EN10MB, snaplen: 1000, name: 'tap0', filter: 'ip' }, 'test');
    for (const until = performance.now() + BOX_MS / 4; performance.now() < until; ) {
      const whole = Buffer.concat(Array.from({ length: 1 + random(4) }, () => section));
      const bytes = Buffer.from(whole.subarray(0, random(2) === 0 ? whole.length : random(whole.length)));
      for (let n = random(3); n > 0 && bytes.length > 0; n--) bytes[random(bytes.length)] = random(256);
      const left = await opened(bytes, 'pcapng');
      if (left !== undefined) assert.deepEqual(left, bytes.subarray(0, left.length));
    }
    for (let length = 0; length <= section.length; length++) {
      const left = await opened(Buffer.concat([section, section.subarray(0, length)]), 'pcapng');
      assert.ok(left !== undefined && left.length >= section.length);
    }
  }));
