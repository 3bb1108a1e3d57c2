/**
 * Linux's bridge as an oracle, where it means the same: learning ↔ learn, flood ↔ discover (of unknown unicast), isolated ↔ one
 * protected domain. The same random frames, one after the other, must reach the same ports.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FarEnd } from '../conformance/devices/far-end.js';
import { Netns } from '../support/netns.js';
import { numberOf, STATIONS } from '../support/random-bridge.js';
import { skipReason } from '../support/require.js';
import { BROADCAST, frame, MULTICAST, Rig } from '../support/rig.js';
import { withSeed } from '../support/stress.js';

const PORTS = [0, 1, 2, 3];
const ROUNDS = 4;
/** Frames a round, in batches that the sockets hold; SMROUTER_ORACLE_FRAMES sets another number. */
const FRAMES = Number(process.env.SMROUTER_ORACLE_FRAMES ?? 25_000);
const BATCH = 100;
const LENGTH = 68;
const NUMBER_AT = 64;
const ENOUGH_MS = 500;

/** A bridge with four veths, whose other ends are `e0` to `e3`. */
function makeBridge(netns: Netns): void {
  for (const name of ['all', 'default']) netns.exec(['sysctl', '-qw', `net.ipv6.conf.${name}.disable_ipv6=1`]);
  netns.exec(['ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0']);
  for (const n of PORTS) {
    netns.exec(['ip', 'link', 'add', `p${n}`, 'type', 'veth', 'peer', 'name', `e${n}`]);
    netns.exec(['ip', 'link', 'set', `p${n}`, 'master', 'br0', 'up']);
    netns.exec(['ip', 'link', 'set', `e${n}`, 'up']);
  }
  netns.exec(['ip', 'link', 'set', 'br0', 'up']);
}

test(
  'a Linux bridge with the same settings delivers the same frames to the same ports',
  { skip: skipReason.root() },
  () =>
    withSeed(async (random) => {
      const netns = Netns.create('linux');
      try {
        makeBridge(netns);
        const far = await FarEnd.open(
          netns,
          PORTS.map((n) => `e${n}`),
        );
        let floods = 0;
        for (let round = 0; round < ROUNDS; round++) {
          const rig = await Rig.bridge(PORTS.length);
          netns.exec(['ip', 'link', 'set', 'br0', 'type', 'bridge', 'fdb_flush']);
          const settings: string[] = [];
          for (const n of PORTS) {
            const [learn, discover, apart] = [random(4) > 0, random(4) > 0, random(2) === 0];
            const word = (on: boolean): string => (on ? 'on' : 'off');
            const linux = ['learning', word(learn), 'flood', word(discover), 'isolated', word(apart)];
            netns.exec(['bridge', 'link', 'set', 'dev', `p${n}`, ...linux]);
            const veb = `veb0 ${learn ? '' : '-'}learn mem${n} ${discover ? '' : '-'}discover mem${n}`;
            const line = `${veb} ${apart ? `protected mem${n} 1` : `-protected mem${n}`}`;
            settings.push(line);
            await rig.ifconfig(line);
          }
          const ours: number[][] = PORTS.map(() => []);
          /** Both bridges have delivered the same since last asked. */
          const compare = async (extra: number): Promise<void> => {
            for (const n of PORTS) {
              const wanted = (ours[n] as number[]).splice(0);
              const got = await far.receive(n, wanted.length + extra, ENOUGH_MS);
              assert.deepEqual(
                got.map((f) => numberOf(f.bytes)),
                wanted,
                `port ${n} of\n${settings.join('\n')}`,
              );
              floods += wanted.length;
            }
          };
          for (let number = 0; number < FRAMES; number++) {
            const dst = [BROADCAST, MULTICAST, ...STATIONS][random(2 + STATIONS.length)] as string;
            const src = STATIONS[random(STATIONS.length)] as string;
            const bytes = frame(dst, src, { length: LENGTH });
            new DataView(bytes.buffer).setUint32(NUMBER_AT, number);
            const port = random(PORTS.length);
            assert.ok(await far.send(port, bytes));
            rig.send(`mem${port}`, bytes);
            for (const n of PORTS) for (const got of rig.received(`mem${n}`)) ours[n]?.push(numberOf(got.bytes));
            if (number % BATCH === BATCH - 1) await compare(0);
          }
          // One more than there should be, so that a frame too many is seen.
          await compare(1);
        }
        // How many depends on which ports are isolated; none at all would prove nothing.
        assert.ok(floods > FRAMES, 'frames were delivered');
      } finally {
        netns.destroy();
      }
    }),
);
