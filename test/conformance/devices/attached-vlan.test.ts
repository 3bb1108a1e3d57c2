/**
 * A4: tags that the kernel takes out of a frame before an attached interface sees it are put back in their place. Both ends of a
 * veth pair are attached, each in a bridge of its own with a memory port.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { type DeviceFrame, MemoryHost, type VnetWords } from '../../../src/main/memory/memory-host.js';
import { Router } from '../../../src/main/router.js';
import { uniqueLinkName } from '../../support/netns.js';
import { skipReason } from '../../support/require.js';
import { A, BROADCAST, frame } from '../../support/rig.js';
import { ifconfigOn } from '../../support/router-words.js';
import { smallSizes } from '../../support/stations.js';
import { silent, waitUntil } from '../../support/stress.js';
import { assertSegments, build, noise, TCP } from '../../support/superframe.js';

const WAIT_MS = 3000;
const CASES: readonly (readonly [string, readonly (readonly [number, number])[]])[] = [
  ['no tag', []],
  ['one tag', [[0x8100, (3 << 13) | 5]]],
  ['a service tag', [[0x88a8, 7]]],
  [
    'two tags',
    [
      [0x88a8, 7],
      [0x8100, 5],
    ],
  ],
  ['a priority tag', [[0x8100, 5 << 13]]],
];

/** A frame with tags in front of its ethertype. */
function tagged(length: number, ...tags: readonly (readonly [number, number])[]): Uint8Array {
  const plain = frame(BROADCAST, A, { length });
  const inserted = tags.flatMap(([type, control]) => [type >> 8, type & 255, control >> 8, control & 255]);
  return Uint8Array.from([...plain.subarray(0, 12), ...inserted, ...plain.subarray(12)]);
}

for (const kind of ['packet', 'xdp'] as const) {
  describe(`tagged frames on ${kind} interfaces`, { skip: skipReason.root() }, () => {
    const ends = [uniqueLinkName(), uniqueLinkName()] as const;
    let router: Router;
    let hosts: MemoryHost[];

    before(async () => {
      const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' });
      ip('link', 'add', ends[0], 'type', 'veth', 'peer', 'name', ends[1]);
      for (const end of ends) {
        execFileSync('sh', ['-c', `echo 1 > /proc/sys/net/ipv6/conf/${end}/disable_ipv6 || true`]);
        ip('link', 'set', end, 'up');
      }
      router = await Router.start({ workers: 1, kernelTaps: false, sizes: smallSizes(2), log: silent });
      const ifconfig = ifconfigOn(router);
      for (const [n, end] of ends.entries()) {
        await ifconfig(`veb${n} create link2 up`, `${end} attach ${kind} up`, `mem${n} create up`);
        await ifconfig(`veb${n} add ${end} add mem${n}`);
      }
      hosts = [0, 1].map((n) => new MemoryHost(router.memory, router.table.get(`mem${n}`)));
      await waitUntil(() => ends.every((end) => router.table.get(end).carrier), 'both have carrier');
    });
    after(async () => {
      await router?.stop();
      execFileSync('ip', ['link', 'del', ends[0]]);
    });

    /** Sends a frame over the pair. Returns what came, `count` frames. */
    async function over(bytes: Uint8Array, vnet?: VnetWords, count = 1): Promise<DeviceFrame[]> {
      assert.ok((hosts[0] as MemoryHost).send(bytes, vnet));
      const got: DeviceFrame[] = [];
      await waitUntil(() => got.push(...(hosts[1] as MemoryHost).receive()) >= count, 'the frame', WAIT_MS);
      assert.equal(got.length, count);
      return got;
    }

    for (const [what, tags] of CASES) {
      for (const length of [60, 200, 1500]) {
        test(`A4 ${what}, ${length} bytes`, async () => {
          const sent = tagged(length, ...tags);
          assert.deepEqual((await over(sent))[0]?.bytes, sent);
        });
      }
    }

    test('A4 a tagged superframe keeps its tag and its offload, or is cut with the tag in each segment', async () => {
      const recipe = { version: 4, protocol: TCP, payload: noise(20_000), size: 1400, tags: [[0x8100, 5]] } as const;
      const made = build(recipe);
      if (kind === 'xdp') {
        assertSegments(recipe, made, await over(made.bytes, made.vnet, Math.ceil(20_000 / 1400)));
        return;
      }
      const [got] = await over(made.bytes, made.vnet);
      assert.deepEqual(got?.bytes, made.bytes);
      const words = ({ vnet }: { readonly vnet: VnetWords }): number[] => [vnet[0] & 0xff01, vnet[1], vnet[2]];
      assert.deepEqual(words(got as DeviceFrame), words(made));
    });

    test('the books balance', async () => {
      await waitUntil(() => router.books().errors.length === 0, 'the books balance');
    });
  });
}
