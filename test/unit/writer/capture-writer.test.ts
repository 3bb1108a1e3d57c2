/**
 * The capture writer with a thread of its own: what is put into a capture ring comes out of files and streams (src/writer,
 * main/control/capture-writer.ts). Files are judged by Wireshark's programs.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { CaptureFileSpec } from '../../../src/main/control/capture-file.js';
import { CaptureWriter } from '../../../src/main/control/capture-writer.js';
import { Memory } from '../../../src/main/memory/memory.js';
import { CaptureConsumer } from '../../../src/shared/ring/capture-ring.js';
import type { Encoding } from '../../../src/shared/ring/writer-message.js';
import { LinkType } from '../../../src/shared/wire/pcap.js';
import { CaptureFeed } from '../../support/capture-feed.js';
import { mutatedBuild } from '../../support/mutant.js';
import { pcapFile, readPcapFile } from '../../support/pcap-file.js';
import { temporaryFolder, until } from '../../support/programs.js';
import { skipReason } from '../../support/require.js';
import { smallSizes } from '../../support/stations.js';

const LIMIT_MS = 30_000;
const ID = 5 | (1 << 16);
const SECONDS = 1_700_000_000;
const tshark = skipReason.program('tshark');

const memory = new Memory(smallSizes(2), 1);
const feed = new CaptureFeed(memory);
const warnings: object[] = [];
const writer = new CaptureWriter(memory, (fields) => warnings.push(fields));
after(() => writer.stop());

const encoding: Encoding = {
  ...{ format: 'pcap', linkType: LinkType.EN10MB, snaplen: 262_144, resolution: 1, interfaceName: 'tap0', filter: '' },
};
const file = (path: string, more: Partial<CaptureFileSpec> = {}): CaptureFileSpec => ({
  ...{ kind: 'file', path, encoding, rotateBytes: 0, rotateSeconds: 0, keep: 4, fsync: 'rotate' },
  ...more,
});
const path = (name = 'a.pcap'): string => join(temporaryFolder(), name);
const none = { received: 0, dropped: 0 };
/** Packet `n`: `length` bytes that say which one it is. */
const packet = (n: number, length = 60): Uint8Array => {
  const bytes = new Uint8Array(length).fill(n);
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5].slice(0, length));
  return bytes;
};

/** Puts packets `from` … `to - 1`, waiting for room. */
async function put(from: number, to: number, length = 60, id = ID): Promise<void> {
  for (let n = from; n < to; n++) {
    while (!feed.put(id, SECONDS + n, n, packet(n, length))) {
      feed.publish();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  feed.publish();
}

/** Which packets a file holds, by their time stamps; each is checked to be what was put. */
function numbers(name: string, length = 60): number[] {
  return readPcapFile(readFileSync(name)).packets.map((p) => {
    const n = p.seconds - SECONDS;
    assert.deepEqual(Buffer.from(p.bytes), Buffer.from(packet(n, length)), `packet ${n}`);
    return n;
  });
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);
/** What tshark prints of a file. */
const fields = (name: string, ...names: string[]): string[] =>
  execFileSync('tshark', ['-r', name, '-T', 'fields', ...names.flatMap((n) => ['-e', n])], { encoding: 'utf8' })
    .trim()
    .split('\n');

test('a pcap file, as tshark and capinfos read it: nanoseconds, lengths, link type', { skip: tshark }, async () => {
  const name = path();
  await writer.open(ID, file(name));
  feed.put(ID, SECONDS, 123_456_789, packet(1));
  feed.put(ID, SECONDS + 1, 999_999_999, packet(2, 64), 1514);
  feed.publish();
  await writer.close(ID, none);
  assert.deepEqual(fields(name, 'frame.time_epoch', 'frame.cap_len', 'frame.len', 'eth.type'), [
    `${SECONDS}.123456789\t60\t60\t0x88b5`,
    `${SECONDS + 1}.999999999\t64\t1514\t0x88b5`,
  ]);
  const infos = execFileSync('capinfos', [name], { encoding: 'utf8' });
  assert.match(infos, /nanosecond (pcap|libpcap)/);
  assert.match(infos, /File encapsulation: +Ethernet\n/);
  assert.deepEqual(writer.counts(ID), { written: 2, bytes: 2 * 16 + 60 + 64, dropped: 0, files: 1 });
  assert.equal(statSync(name).mode & 0o777, 0o600);
});

test('link types RAW and LOOP are known to tshark and tcpdump', { skip: tshark }, async () => {
  const ip = Buffer.from('4500001c000100004011 0000 0a000001 0a000002 0035 0035 0008 0000'.replaceAll(' ', ''), 'hex');
  for (const [linkType, bytes, kind] of [
    [LinkType.RAW, ip, /Raw IP/],
    [LinkType.LOOP, Buffer.concat([Buffer.of(0, 0, 0, 2), ip]), /OpenBSD loopback/],
  ] as const) {
    const name = path();
    await writer.open(ID, file(name, { encoding: { ...encoding, linkType } }));
    feed.put(ID, SECONDS, 0, bytes);
    feed.publish();
    await writer.close(ID, none);
    assert.deepEqual(fields(name, 'ip.src', 'udp.dstport'), ['10.0.0.1\t53']);
    assert.match(execFileSync('capinfos', ['-E', name], { encoding: 'utf8' }), kind);
    assert.match(execFileSync('tcpdump', ['-nr', name], { encoding: 'utf8' }), /10\.0\.0\.1\.53 > 10\.0\.0\.2\.53/);
  }
});

test('a pcapng file: the name of the interface, the filter, directions, nanoseconds, any length', {
  skip: tshark,
}, async () => {
  const name = path('a.pcapng');
  const ng = { ...encoding, format: 'pcapng', filter: 'ether proto 0x88b5' } as const;
  await writer.open(ID, file(name, { encoding: ng }));
  for (const n of range(0, 8)) feed.put(ID, SECONDS, n + 1, packet(n, 60 + n), 1000 + n, n % 3);
  feed.publish();
  await put(8, 2000);
  await writer.close(ID, none);
  const lines = fields(name, 'frame.time_epoch', 'frame.interface_name', 'frame.len', 'frame.packet_flags_direction');
  assert.equal(lines.length, 2000);
  for (const n of range(0, 8)) {
    const direction = `0x0000000${n % 3}`;
    assert.equal(
      lines[n]?.replace(/\t0x0+(\d)$/, '\t0x0000000$1'),
      `${SECONDS}.00000000${n + 1}\ttap0\t${1000 + n}\t${direction}`,
    );
  }
  const infos = execFileSync('capinfos', [name], { encoding: 'utf8' });
  assert.match(infos, /Number of packets: +(2000|2 k)\n/);
  assert.match(infos, /precision: +nanoseconds/);
  assert.match(infos, /Capture filter: +ether proto 0x88b5|Filter string = ether proto 0x88b5/);
});

test('a file is gone on with if its header fits, with the time stamps it has', async () => {
  const name = path();
  for (const from of [0, 10]) {
    await writer.open(ID, file(name));
    await put(from, from + 10);
    await writer.close(ID, none);
  }
  assert.deepEqual(numbers(name), range(0, 20));
  const micro = path();
  const theirs = pcapFile(LinkType.EN10MB, []);
  theirs.writeUInt32LE(0xa1b2c3d4, 0);
  writeFileSync(micro, theirs);
  await writer.open(ID, file(micro));
  feed.put(ID, SECONDS, 123_456_789, packet(0));
  feed.publish();
  await writer.close(ID, none);
  assert.equal(readPcapFile(readFileSync(micro)).packets[0]?.nanoseconds, 123_456_000);
});

test('pcapng is gone on with in a section of its own', { skip: tshark }, async () => {
  const name = path('a.pcapng');
  for (const interfaceName of ['tap0', 'tap1']) {
    await writer.open(ID, file(name, { encoding: { ...encoding, format: 'pcapng', interfaceName } }));
    await put(0, 3);
    await writer.close(ID, none);
  }
  const infos = execFileSync('capinfos', [name], { encoding: 'utf8' });
  assert.match(infos, /Number of interfaces in file: +2\n/);
  assert.match(infos, /Name = tap0.*Name = tap1/s);
});

test('a file that holds something else is refused with EEXIST and stays as it is', async () => {
  const header = pcapFile(LinkType.EN10MB, [], 96);
  const damaged = Buffer.concat([pcapFile(LinkType.EN10MB, []), Buffer.alloc(64, 0xff)]);
  const swapped = Buffer.from(header);
  swapped.writeUInt32BE(0xa1b23c4d, 0);
  for (const [contents, why] of [
    [Buffer.from('# a text that somebody needs\n'), /not a pcap file/],
    [Buffer.from('short'), /too short/],
    [pcapFile(LinkType.RAW, []), /link type 101, not 1/],
    [header, /snap length 96, less than 262144/],
    [swapped, /not a pcap file of this machine/],
    [damaged, /damaged at byte 24/],
  ] as const) {
    const name = path();
    writeFileSync(name, contents);
    await assert.rejects(writer.open(ID, file(name)), { code: 'EEXIST', message: why });
    assert.deepEqual(readFileSync(name), contents);
  }
  const ng = file(path(), { encoding: { ...encoding, format: 'pcapng' } });
  writeFileSync(ng.path, header);
  await assert.rejects(writer.open(ID, ng), { code: 'EEXIST', message: /not a pcapng file/ });
  await assert.rejects(writer.open(ID, file('/nonexistent/a.pcap')), { code: 'ENOENT' });
  await assert.rejects(writer.open(ID, file('/dev/null')), { code: 'EINVAL' });
});

test('a record that was cut off at the end of a file is taken away', async () => {
  const name = path();
  await writer.open(ID, file(name));
  await put(0, 30_000);
  await writer.close(ID, none);
  for (const less of [1, 60, 61, 75]) {
    const { size } = statSync(name);
    truncateSync(name, size - less);
    await writer.open(ID, file(name));
    await writer.close(ID, none);
    assert.equal(statSync(name).size, size - 76);
  }
  assert.equal(numbers(name).length, 30_000 - 4);
});

test('more than the ring holds, in records of every size: nothing lost, nothing mixed up', async () => {
  const name = path();
  await writer.open(ID, file(name));
  const hash = createHash('sha256');
  for (let n = 0; n < 5000; n++) {
    const bytes = packet(n, (n * 7919) % 2000);
    hash.update(bytes);
    while (!feed.put(ID, SECONDS, n, bytes)) {
      feed.publish();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    if (n % 61 === 0) feed.publish();
  }
  const longest = packet(1, 65_549);
  hash.update(longest);
  while (!feed.put(ID, SECONDS, 5000, longest)) await new Promise((resolve) => setTimeout(resolve, 1));
  feed.publish();
  await writer.close(ID, none);
  const { packets } = readPcapFile(readFileSync(name));
  assert.deepEqual(
    packets.map((p) => p.nanoseconds),
    range(0, 5001),
  );
  const theirs = createHash('sha256');
  for (const p of packets) theirs.update(p.bytes);
  assert.equal(theirs.digest('hex'), hash.digest('hex'));
});

test('records of a capture that has ended, or of none, are for nobody', async () => {
  const name = path();
  await writer.open(ID, file(name));
  feed.put(5 | (2 << 16), SECONDS, 0, packet(0));
  feed.put(6 | (1 << 16), SECONDS, 0, packet(0));
  await put(1, 2);
  await writer.close(ID, none);
  assert.deepEqual(numbers(name), [1]);
});

test('by size: no file is larger, nothing is lost between two, the oldest go', async () => {
  const name = path();
  const rotateBytes = 24 + 76 * 100 + 75;
  await writer.open(ID, file(name, { rotateBytes, keep: 3 }));
  await put(0, 1050);
  await writer.close(ID, none);
  assert.deepEqual(readdirSync(join(name, '..')).sort(), ['a.pcap', 'a.pcap.0', 'a.pcap.1', 'a.pcap.2']);
  assert.deepEqual(numbers(name), range(1000, 1050));
  assert.deepEqual(numbers(`${name}.0`), range(900, 1000));
  assert.deepEqual(numbers(`${name}.2`), range(700, 800));
  assert.equal(writer.counts(ID).written, 1050);
  assert.equal(writer.counts(ID).files, 11);
  // One packet larger than a file may be has a file of its own.
  await writer.open(ID, file(name, { rotateBytes: 200, keep: 3 }));
  await put(0, 2, 300);
  await writer.close(ID, none);
  assert.deepEqual(numbers(name, 300), [1]);
  assert.deepEqual(numbers(`${name}.0`, 300), [0]);
});

test('by time: a file that is old enough and not empty is put aside', async () => {
  const name = path();
  await writer.open(ID, file(name, { rotateSeconds: 1, fsync: 'never' }));
  await put(0, 10);
  await until('the file put aside', LIMIT_MS, () => existsSync(`${name}.0`));
  await put(10, 20);
  await writer.close(ID, none);
  assert.deepEqual([...numbers(`${name}.0`), ...numbers(name)], range(0, 20));
});

test('a file that cannot be put aside goes on', async () => {
  const name = path();
  mkdirSync(`${name}.0`);
  writeFileSync(`${name}.0/busy`, '');
  warnings.length = 0;
  await writer.open(ID, file(name, { rotateBytes: 200, keep: 1 }));
  await put(0, 20);
  await writer.close(ID, none);
  assert.deepEqual(numbers(name), range(0, 20));
  assert.ok(warnings.some((w) => 'event' in w && w.event === 'capture-unrotated'));
});

for (const [fsync, length] of [
  ['never', 60],
  ['never', 1500],
  ['always', 60],
] as const) {
  const root = skipReason.root();
  test(`a full disk, ${length} B, fsync ${fsync}: whole packets, drops counted, on again when there is room`, {
    skip: root,
  }, async (t) => {
    const folder = temporaryFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', folder]);
    t.after(() => execFileSync('umount', ['-l', folder]));
    const [name, ballast] = [join(folder, 'a.pcap'), join(folder, 'ballast')];
    writeFileSync(ballast, Buffer.alloc(128 << 10));
    warnings.length = 0;
    const has = (event: string): boolean => warnings.some((w) => 'event' in w && w.event === event);
    await writer.open(ID, file(name, { fsync }));
    await put(0, 4000, length);
    await until('drops', LIMIT_MS, () => writer.counts(ID).dropped > 0);
    await until('the warning', LIMIT_MS, () => has('capture-stuck'));
    rmSync(ballast);
    let n = 4000;
    await until('written again', LIMIT_MS, async () => {
      await put(n, n + 1, length);
      n++;
      return has('capture-resumed');
    });
    await writer.close(ID, none);
    const { written, dropped } = writer.counts(ID);
    assert.equal(written + dropped, n);
    const found = numbers(name, length);
    assert.equal(found.length, written);
    assert.deepEqual(
      found,
      [...found].sort((a, b) => a - b),
    );
    assert.equal(found.at(-1), n - 1);
  });
}

/** A reader of streams, and what it has read. */
async function reader(): Promise<{ path: string; socket: Promise<Socket>; close(): void }> {
  const server = createServer();
  const socket = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const name = path('s');
  await new Promise<void>((resolve) => server.listen(name, resolve));
  return { path: name, socket, close: () => server.close() };
}

test('a stream: all of it, in order, ended by statistics', { skip: tshark }, async (t) => {
  const end = await reader();
  t.after(() => end.close());
  await writer.open(ID, { kind: 'stream', path: end.path, encoding: { ...encoding, format: 'pcapng' } });
  const parts: Buffer[] = [];
  const socket = await end.socket;
  socket.on('data', (part: Buffer) => parts.push(part));
  const ended = new Promise((resolve) => socket.on('end', resolve));
  await put(0, 20_000, 100);
  await writer.close(ID, { received: 20_007, dropped: 7 });
  await ended;
  const name = path();
  writeFileSync(name, Buffer.concat(parts));
  const seconds = fields(name, 'frame.time_epoch').map((time) => Number(time.split('.')[0]) - SECONDS);
  assert.deepEqual(seconds, range(0, 20_000));
  assert.match(execFileSync('capinfos', [name], { encoding: 'utf8' }), /Number of packets: +(20000|20 k)\n/);
  const shown = execFileSync('tshark', ['-r', name, '-q', '-z', 'io,stat,0'], { encoding: 'utf8' });
  assert.match(shown, /20000/);
});

test('a slow reader loses whole packets, counted; nobody else loses any', async (t) => {
  const end = await reader();
  t.after(() => end.close());
  const [name, other] = [path(), ID + 1];
  await writer.open(ID, { kind: 'stream', path: end.path, encoding });
  await writer.open(other, file(name));
  const socket = await end.socket;
  const count = 6000;
  for (let n = 0; n < count; n += 100) {
    await put(n, n + 100, 1500);
    await put(n, n + 100, 1500, other);
  }
  await until('all looked at', LIMIT_MS, () => writer.counts(ID).written + writer.counts(ID).dropped === count);
  const { dropped, written } = writer.counts(ID);
  assert.ok(dropped > 0, 'the reader was not slow');
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  const ended = new Promise((resolve) => socket.on('end', resolve));
  await writer.close(ID, none);
  await writer.close(other, none);
  await ended;
  const { packets } = readPcapFile(Buffer.concat(parts));
  assert.equal(packets.length, written);
  for (const p of packets) assert.deepEqual(Buffer.from(p.bytes), Buffer.from(packet(p.seconds - SECONDS, 1500)));
  assert.deepEqual(numbers(name, 1500), range(0, count));
});

test('a reader that leaves is noticed though nothing is captured; one that is not there is an error', async (t) => {
  const end = await reader();
  t.after(() => end.close());
  const gone: string[] = [];
  await writer.open(ID, { kind: 'stream', path: end.path, encoding }, (why) => gone.push(why));
  (await end.socket).destroy();
  await until('gone', LIMIT_MS, () => gone.length > 0);
  assert.deepEqual(gone, ['its reader has left']);
  await put(0, 10);
  await writer.close(ID, none);
  await assert.rejects(writer.open(ID, { kind: 'stream', path: '/nonexistent/s', encoding }), { code: 'ENOENT' });
});

test('the thread ends when nothing is captured, and another one begins where it left', async () => {
  const name = path();
  for (const from of [0, 10]) {
    // Nobody takes these: their capture has ended.
    await put(100, 110, 60, 7);
    await writer.open(ID, file(name));
    await put(from, from + 10);
    await writer.close(ID, none);
  }
  assert.deepEqual(numbers(name), range(0, 20));
});

test('a thread that dies is replaced, and the files are gone on with: what was counted as written is not written again', async () => {
  const other = 6 | (1 << 16);
  const [name, another] = [path(), path()];
  const written = async (id: number, packets: number): Promise<void> => {
    for (const end = performance.now() + LIMIT_MS; writer.counts(id).written !== packets; ) {
      assert.ok(performance.now() < end, `${writer.counts(id).written} written, not ${packets}`);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  };
  await writer.open(ID, file(name));
  await writer.open(other, file(another));
  await put(0, 10);
  await put(0, 10, 60, other);
  await Promise.all([written(ID, 10), written(other, 10)]);
  let n = 10;
  for (let round = 1; round <= 6; round++) {
    await writer.kill();
    // What is captured meanwhile waits in the ring; counts begin anew, so each round has a number of its own.
    await put(n, n + 10 + round);
    await put(n, n + 10 + round, 60, other);
    await Promise.all([written(ID, 10 + round), written(other, 10 + round)]);
    n += 10 + round;
  }
  await put(n, n + 5);
  await writer.close(ID, none);
  await writer.close(other, none);
  assert.deepEqual(numbers(name), range(0, n + 5));
  assert.deepEqual(numbers(another), range(0, n));
});

/** Where the thread of a changed build dies, if there is a file of that name in `flags`: the module, the place, and whether behind it. */
const DEATHS = [
  ['before the room of what it wrote is given back', 'loop.js', 'ring.release(position);', false],
  ['behind that', 'loop.js', 'ring.release(position);', true],
  ['between one file and the next', 'file-sink.js', 'this.begin();\n        // What', false],
  ['when there is the next one', 'file-sink.js', 'this.begin();\n', true],
] as const;

/** A build whose writer dies where it is told to, once each time that it is. */
async function mortalWriter(flags: string): Promise<typeof CaptureWriter> {
  const dist = mutatedBuild();
  DEATHS.forEach(([, module, place, behind], n) => {
    const changed = join(dist, 'src/writer', module);
    const flag = join(flags, `${n}`);
    const dies = `if (flagged('${flag}')) { unflag('${flag}'); throw new Error('dies here'); }\n`;
    const text = readFileSync(changed, 'utf8');
    const at = text.lastIndexOf(place);
    assert.notEqual(at, -1, `${module}: ${place}`);
    const cut = behind ? at + place.length : at;
    const imports = n % 2 === 0 ? "import { existsSync as flagged, rmSync as unflag } from 'node:fs';\n" : '';
    writeFileSync(changed, `${imports}${text.slice(0, cut)}${dies}${text.slice(cut)}`);
  });
  const built = (await import(`${dist}/src/main/control/capture-writer.js`)) as { CaptureWriter: typeof CaptureWriter };
  return built.CaptureWriter;
}

test('a thread that dies with packets in hand leaves its successor all that was in them', {
  skip: tshark,
}, async (t) => {
  const flags = temporaryFolder();
  const mortal = new (await mortalWriter(flags))(memory, () => {});
  t.after(() => mortal.stop());
  const ring = new CaptureConsumer(memory.views, 0);
  // Time stamps in another unit, and records that take another form in the file.
  const micro = path();
  const theirs = pcapFile(LinkType.EN10MB, []);
  theirs.writeUInt32LE(0xa1b2c3d4, 0);
  writeFileSync(micro, theirs);
  for (const target of [file(micro), file(path('a.pcapng'), { encoding: { ...encoding, format: 'pcapng' } })]) {
    await mortal.open(ID, target);
    writeFileSync(join(flags, '0'), '');
    for (let n = 0; n < 3; n++) feed.put(ID, SECONDS + n, 123_456_000 + n * 1000, packet(n, 60 + n), 1500);
    feed.publish();
    await until('the thread dies', LIMIT_MS, () => !existsSync(join(flags, '0')));
    await until('its successor has emptied the ring', LIMIT_MS, () => ring.occupancy === 0);
    await mortal.close(ID, none);
    const found = fields(target.path, 'frame.time_epoch', 'frame.cap_len', 'frame.len');
    const epoch = (n: number): string => `${SECONDS + n}.12345${6 + n}000`;
    assert.deepEqual(
      found,
      range(0, 3).map((n) => `${epoch(n)}\t${60 + n}\t1500`),
    );
  }
});

test('wherever a thread dies, its successor loses nothing and writes nothing twice', async (t) => {
  const flags = temporaryFolder();
  const mortal = new (await mortalWriter(flags))(memory, () => {});
  t.after(() => mortal.stop());
  const ring = new CaptureConsumer(memory.views, 0);
  for (const [k, [where]] of DEATHS.entries()) {
    const name = path();
    const flag = join(flags, `${k}`);
    await mortal.open(ID, file(name, { rotateBytes: 1000, keep: 100 }));
    let n = 0;
    for (let round = 0; round < 4; round++) {
      writeFileSync(flag, '');
      await put(n, n + 30);
      await until(`the thread dies ${where}`, LIMIT_MS, () => !existsSync(flag));
      await put(n + 30, n + 40);
      await until('its successor has emptied the ring', LIMIT_MS, () => ring.occupancy === 0);
      n += 40;
    }
    await mortal.close(ID, none);
    const folder = join(name, '..');
    const found = readdirSync(folder).flatMap((one) => numbers(join(folder, one)));
    assert.deepEqual(
      found.sort((a, b) => a - b),
      range(0, n),
      where,
    );
  }
});
