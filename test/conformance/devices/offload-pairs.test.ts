/** Every pair of device kinds in one process, and all that the egress may be told: superframes whole, or cut, byte for byte. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type DeviceFrame, MemoryHost } from '../../../src/main/memory/memory-host.js';
import { Router } from '../../../src/main/router.js';
import { Netns } from '../../support/netns.js';
import { skipReason } from '../../support/require.js';
import { ifconfigOn } from '../../support/router-words.js';
import { smallSizes } from '../../support/stations.js';
import { silent, waitUntil } from '../../support/stress.js';
import {
  assertSegments,
  build,
  noise,
  onesSum,
  type Recipe,
  type Superframe,
  TCP,
  UDP,
} from '../../support/superframe.js';
import { makeVeth, type Veth } from '../../support/veth.js';
import { FarEnd } from './far-end.js';

/** Longest wait for a frame that should come. */
const WAIT_MS = 5000;

const RECIPES: readonly Recipe[] = [
  { version: 4, protocol: TCP, payload: noise(10_001), size: 1448 },
  { version: 6, protocol: TCP, payload: noise(10_001), size: 1428 },
  { version: 4, protocol: UDP, payload: noise(10_001), size: 1400 },
  { version: 6, protocol: UDP, payload: noise(10_001), size: 1400 },
];

type Attached = 'packet' | 'xdp';
const ATTACHED: readonly Attached[] = ['packet', 'xdp'];

/** A frame as its host sees it: what XDP's sender left partial goes on as partial where the egress takes that. */
function complete({ bytes, vnet }: DeviceFrame): DeviceFrame {
  if ((vnet[0] & 0x7f01) === 0) return { bytes, vnet: [0, 0, 0] };
  if ((vnet[0] & 0x7f00) !== 0) return { bytes, vnet };
  const start = vnet[1] >>> 16;
  const field = start + vnet[2];
  const whole = Uint8Array.from(bytes);
  const sum = ~onesSum(bytes.subarray(start)) & 0xffff;
  whole.set([sum >> 8, sum & 255], field);
  return { bytes: whole, vnet: [0, 0, 0] };
}

/** The far end of a port. */
interface End {
  send(made: Superframe): Promise<void>;
  receive(n: number): Promise<DeviceFrame[]>;
}

describe('pairs of device kinds', { skip: skipReason.tun() }, () => {
  const number = (process.pid % 100_000) * 10;
  const taps = [`tap${number}`, `tap${number + 1}`];
  let netns: Netns;
  let router: Router;
  let far: FarEnd;
  const veths: Record<Attached, Veth[]> = { packet: [], xdp: [] };

  before(async () => {
    netns = Netns.create('pairs');
    for (const which of ['all', 'default']) {
      netns.exec(['sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${which}/disable_ipv6 || true`]);
    }
    router = await Router.start({ workers: 1, sizes: smallSizes(2), log: silent });
    const words = taps.map((tap) => `${tap} create netns ${netns.name} up`);
    await ifconfigOn(router)(...words, 'mem0 create up', 'mem1 create up');
    for (const kind of ATTACHED) {
      veths[kind] = [makeVeth(netns), makeVeth(netns)];
      await ifconfigOn(router)(...veths[kind].map(({ name }) => `${name} attach ${kind} up`));
    }
    for (const tap of taps) netns.exec(['ip', 'link', 'set', tap, 'up']);
    const attached = ATTACHED.flatMap((kind) => veths[kind].map(({ name }) => name));
    far = await FarEnd.open(netns, [...taps, ...attached]);
  });
  after(async () => {
    await router?.stop();
    netns?.destroy();
    for (const kind of ATTACHED) for (const veth of veths[kind]) veth.remove();
  });

  const farEnd =
    (first: number) =>
    (n: number): End => ({
      send: async ({ bytes, vnet }) => assert.ok(await far.send(first + n, bytes, vnet)),
      receive: (frames) => far.receive(first + n, frames, WAIT_MS),
    });
  const memoryEnd = (n: number): End => {
    const host = new MemoryHost(router.memory, router.table.get(`mem${n}`));
    return {
      send: async ({ bytes, vnet }) => assert.ok(host.send(bytes, vnet)),
      receive: async (frames) => {
        const got: DeviceFrame[] = [];
        await waitUntil(() => got.push(...host.receive()) >= frames, `${frames} frames`, WAIT_MS);
        return got;
      },
    };
  };
  /** A further kind is one line more. */
  const kinds = [
    { kind: 'tap', port: (n: number) => taps[n] as string, end: farEnd(0) },
    { kind: 'memory', port: (n: number) => `mem${n}`, end: memoryEnd },
    { kind: 'packet', port: (n: number) => veths.packet[n]?.name as string, end: farEnd(2) },
    { kind: 'xdp', port: (n: number) => veths.xdp[n]?.name as string, end: farEnd(4) },
  ];

  for (const from of kinds) {
    for (const to of kinds) {
      const xdp = from.kind === 'xdp' || to.kind === 'xdp';
      // AF_XDP has no such words.
      for (const words of to.kind === 'xdp' ? [''] : ['tso txcsum', '-tso txcsum', 'tso -txcsum', '-tso -txcsum']) {
        test(`${from.kind} to ${to.kind}, ${words}`, async () => {
          const ifconfig = ifconfigOn(router);
          const [ingress, egress] = [from.port(0), to.port(1)];
          if (words !== '') await ifconfig(`${egress} ${words}`);
          await ifconfig('veb0 create up', `veb0 add ${ingress} add ${egress}`);
          const [sender, receiver] = [from.end(0), to.end(1)];
          const cuts = words.includes('-') || xdp;
          for (const recipe of RECIPES) {
            const made = build(recipe);
            await sender.send(made);
            const got = await receiver.receive(cuts ? Math.ceil(recipe.payload.length / (recipe.size ?? 1)) : 1);
            // A packet socket's header says DATA_VALID, or has a checksum place, where it means nothing.
            const plain = got.map(complete);
            if (cuts) assertSegments(recipe, made, plain);
            else
              assert.deepEqual(
                got.map(({ bytes }) => bytes),
                [made.bytes],
              );
          }
          await waitUntil(() => router.books().errors.length === 0, 'the books balance');
          await ifconfig('veb0 destroy');
        });
      }
    }
  }
});
