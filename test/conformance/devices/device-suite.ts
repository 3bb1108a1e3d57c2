/** The suite that every kind of device passes: a bridge veb0 of two ports, exact frames in at one, out at the other. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { DeviceFrame, VnetWords } from '../../../src/main/memory/memory-host.js';
import { Drop } from '../../../src/shared/counter/drop-reason.js';
import { Lane } from '../../../src/shared/layout/counters.js';
import { A, B, BROADCAST, frame } from '../../support/rig.js';
import { assertSegments, build, noise, type Recipe, TCP } from '../../support/superframe.js';

/** A bridge of two ports of one kind, and the far ends of both. */
export interface DeviceRig {
  readonly ports: readonly [string, string];
  /** Superframes come out as segments: the device has no place for them. */
  readonly cuts?: boolean;
  ifconfig(...lines: string[]): Promise<void>;
  /** Sends one frame into a port. Returns whether the device's own far end took it. */
  send(port: 0 | 1, bytes: Uint8Array, vnet?: VnetWords): Promise<boolean>;
  /** What left by a port, waiting for up to `n` frames. */
  receive(port: 0 | 1, n: number): Promise<DeviceFrame[]>;
  counter(port: 0 | 1, word: number): number;
  bookErrors(): readonly string[];
  close(): Promise<void>;
}

/** Lengths with an edge near them: header alone, the minimum of the wire, even and odd, the MTU. */
const LENGTHS = [14, 15, 59, 60, 61, 64, 255, 256, 257, 1023, 1513, 1514];
const BURST = 500;
const SUPER = 60_014;

/** flags, gso_type, gso_size, checksum place: what must come through. hdr_len is a hint that the kernel makes anew. */
function offload(vnet: VnetWords): number[] {
  return [vnet[0] & 0xff01, vnet[1] & 0xffff, vnet[1] >>> 16, vnet[2]];
}

/** Runs the suite against a rig that `makeRig` makes; `skip` says why it cannot be. */
export function deviceSuite(name: string, makeRig: () => Promise<DeviceRig>, skip: string | false = false): void {
  describe(`${name} ports`, { skip }, () => {
    let rig: DeviceRig;
    before(async () => {
      rig = await makeRig();
    });
    after(() => rig.close());

    /** What `run` added to a counter. */
    async function added(port: 0 | 1, words: readonly number[], run: () => Promise<void>): Promise<number[]> {
      const old = words.map((word) => rig.counter(port, word));
      await run();
      return words.map((word, n) => rig.counter(port, word) - (old[n] as number));
    }

    test('frames of every length arrive byte for byte', async () => {
      for (const length of LENGTHS) {
        const sent = frame(BROADCAST, A, { length: Math.max(length, 15), mark: length }).subarray(0, length);
        assert.ok(await rig.send(0, sent), `${length} bytes`);
        const got = await rig.receive(1, 1);
        assert.deepEqual(
          got.map((f) => f.bytes),
          [new Uint8Array(sent)],
        );
      }
    });

    test('a superframe passes whole with its offload state, or as segments with right checksums', async (t) => {
      if (rig.cuts === true) {
        const recipe: Recipe = { version: 4, protocol: TCP, payload: noise(20_001), size: 1448 };
        const made = build(recipe);
        assert.ok(await rig.send(0, made.bytes, made.vnet));
        assertSegments(recipe, made, await rig.receive(1, 14));
        t.diagnostic('as segments');
        return;
      }
      const sent = frame(BROADCAST, A, { type: 0x0800, length: SUPER });
      // An IPv4 header and a TCP header of 20 bytes each, as the kernel wants them.
      sent.set([0x45, 0, (SUPER - 14) >> 8, (SUPER - 14) & 255, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 14);
      sent.set([0x50, 0x10], 46);
      const vnet: VnetWords = [0x01 | (1 << 8) | (54 << 16), 1448 | (34 << 16), 16];
      assert.ok(await rig.send(0, sent, vnet));
      const [got] = await rig.receive(1, 1);
      assert.ok(got);
      assert.deepEqual(got.bytes, sent);
      assert.deepEqual(offload(got.vnet), offload(vnet));
    });

    test('runts and giants get no further than the device, and are counted if they got so far', async () => {
      const bad = [...[0, 1, 13].map((n) => new Uint8Array(n)), new Uint8Array(65_550).fill(255)];
      let taken = 0;
      const words = [Lane.READ, Lane.IPACKETS, Lane.DROPS + Drop.RUNT, Lane.DROPS + Drop.GIANT];
      const [read, passed, runts, giants] = await added(0, words, async () => {
        for (const bytes of bad) if (await rig.send(0, bytes)) taken++;
        assert.deepEqual(await rig.receive(1, 1), []);
      });
      assert.deepEqual([read, passed, (runts as number) + (giants as number)], [taken, 0, taken]);
    });

    test('a port that is down lets nothing in, and counts what came so far as down', async () => {
      await rig.ifconfig(`${rig.ports[0]} down`);
      const [read, down] = await added(0, [Lane.READ, Lane.DROPS + Drop.DOWN], async () => {
        for (let n = 0; n < 5; n++) await rig.send(0, frame(BROADCAST, A));
        assert.deepEqual(await rig.receive(1, 1), []);
      });
      assert.equal(read, down);
      await rig.ifconfig(`${rig.ports[0]} up`);
    });

    test('a frame to a known port that is down is dropped as notrunning', async () => {
      await rig.send(1, frame(BROADCAST, B));
      assert.equal((await rig.receive(0, 1)).length, 1);
      await rig.ifconfig(`${rig.ports[1]} down`);
      const [dropped] = await added(1, [Lane.DROPS + Drop.NOTRUNNING], async () => {
        await rig.send(0, frame(B, A));
        assert.deepEqual(await rig.receive(1, 1), []);
      });
      assert.equal(dropped, 1);
      await rig.ifconfig(`${rig.ports[1]} up`);
    });

    test(`${BURST} frames keep their order, and the counters are what was sent`, async () => {
      const frames = Array.from({ length: BURST }, (_, n) => {
        const bytes = frame(BROADCAST, A, { length: 60 + (n % 900) });
        bytes.set([n >> 8, n & 255], 15);
        return bytes;
      });
      const bytes = frames.reduce((sum, f) => sum + f.length, 0);
      const output: number[] = [];
      const input = await added(0, [Lane.READ, Lane.IPACKETS, Lane.IBYTES, Lane.IWIRE], async () => {
        const sent = await added(1, [Lane.QUEUED, Lane.OPACKETS, Lane.OBYTES, Lane.OWIRE], async () => {
          for (const one of frames) assert.ok(await rig.send(0, one));
          const got = await rig.receive(1, BURST);
          assert.equal(got.length, BURST);
          got.forEach((f, n) => {
            assert.deepEqual(f.bytes, frames[n], `frame ${n}`);
          });
        });
        output.push(...sent);
      });
      assert.deepEqual(input, [BURST, BURST, bytes, BURST]);
      assert.deepEqual(output, [BURST, BURST, bytes, BURST]);
    });

    test('after all that the books balance', () => {
      assert.deepEqual(rig.bookErrors(), []);
    });
  });
}
