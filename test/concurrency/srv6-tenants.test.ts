/**
 * Ten tenants with the same prefixes behind one provider edge while SIDs, tenant routes and whole VRFs come and go: two workers decapsulate at
 * the same time, each from a core port of its own, and hand each other what leaves by the other's ports. Not one packet comes out at another tenant's port (B32, B25), and the books hold. Each packet carries its tenant's number.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { total } from '../../src/shared/counter/books.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { etherFrame } from '../support/ip-frame.js';
import { RoutedRig } from '../support/routed-rig.js';
import { outer, srh } from '../support/srv6-rig.js';
import { BOX_MS, didOperations, withSeed } from '../support/stress.js';
import { udpPacket } from '../support/udp-packet.js';

const TENANTS = 10;
/** Of the rig. */
const WORKERS = 2;
/** Packets that go in between two looks at what has come out. */
const BATCH = 40;
/** So many changes are too few to have shown anything, and the test waits for more so long. */
const CHANGES = 3;
const LATE_MS = 60_000;
const CORE = '02:ff:00:00:00:c0';
const HOST = Uint8Array.of(2, 0, 0, 0, 0, 0x0a);

const table = (tenant: number): number => 100 + tenant;
const sid = (tenant: number): string => `fc00:12:${tenant + 1}::6004`;

/** Makes the VRF of a tenant; its port is in it. */
function makeVrf(tenant: number): string[] {
  const t = table(tenant);
  return [
    `ip link add vrf-${t} type vrf table ${t}`,
    `ip link set vrf-${t} up`,
    `ip link set mem${tenant + 1} master vrf-${t}`,
  ];
}

/** Adds the SID of a tenant, on its VRF or on another device, which it then outlives. */
function addSid(tenant: number, dev = `vrf-${table(tenant)}`): string {
  return `ip -6 route add ${sid(tenant)}/128 encap seg6local action End.DT4 vrftable ${table(tenant)} dev ${dev}`;
}

/** A packet to the SID of a tenant, from it to the address that every tenant has. */
function packet(tenant: number, n: number): Uint8Array {
  const payload = Uint8Array.from({ length: 32 }, (_, k) => (k < 16 ? tenant : n >> (8 * (k & 3))));
  const inner = udpPacket('10.0.0.1', '10.0.0.2', { payload });
  const headers = n % 2 === 0 ? [] : [srh([sid(tenant)], 0)];
  return etherFrame(CORE, '02:00:00:00:00:01', 0x86dd, outer(sid(tenant), headers, 4, inner), true);
}

test('B32 ten tenants with the same prefixes while SIDs, routes and VRFs come and go: zero packets cross', (t) =>
  withSeed(async (random) => {
    const tenants = Array.from({ length: TENANTS }, (_, n) => n);
    const rig = await RoutedRig.start([`ifconfig mem0 create lladdr ${CORE} inet6 2001:db8:c::1/64 up`]);
    // A core port for each worker.
    const cores = ['mem0'];
    for (let n = TENANTS + 1; cores.length < WORKERS; n++) {
      await rig.command(`ifconfig mem${n} create lladdr ${CORE} inet6 2001:db8:${n}::1/64 up`);
      if (cores.every((core) => rig.owner(core) !== rig.owner(`mem${n}`))) cores.push(`mem${n}`);
    }
    await rig.command('sysctl net.vrf.strict_mode=1');
    for (const n of tenants) {
      await rig.command(`ifconfig mem${n + 1} create up`, ...makeVrf(n), `ifconfig mem${n + 1} inet 10.0.0.254/24`);
      await rig.command(addSid(n));
      rig.neighbour(`mem${n + 1}`, '10.0.0.2', HOST);
    }
    await rig.usable();
    await rig.settle();
    rig.forget();
    const got = tenants.map(() => 0);
    let sent = 0;
    let changes = 0;
    /** Reads what has come out: at a tenant's port its own packets alone. */
    const read = (): void => {
      for (const n of tenants) {
        for (const frame of rig.take(`mem${n + 1}`)) {
          if (frame[23] !== 17) continue;
          assert.equal(frame[14 + 28], n, `a packet of tenant ${frame[42]} at the port of ${n}`);
          got[n] = (got[n] as number) + 1;
        }
      }
    };
    const churn = async (isOver: () => boolean): Promise<void> => {
      while (!isOver()) {
        const n = random(TENANTS);
        const vrf = `vrf-${table(n)}`;
        switch (random(4)) {
          case 0:
            await rig.command(`ip -6 route del ${sid(n)}/128`, addSid(n));
            break;
          case 1: {
            // The VRFs of two tenants go and come back the other way round, so that each takes the other's index; a SID stays behind.
            const other = (n + 1) % TENANTS;
            await rig.command(`ip -6 route del ${sid(n)}/128`, addSid(n, 'mem0'));
            await rig.command(`ip link del ${vrf}`, `ip link del vrf-${table(other)}`);
            for (const one of [other, n]) {
              await rig.command(...makeVrf(one));
              rig.neighbour(`mem${one + 1}`, '10.0.0.2', HOST);
            }
            await sleep(5);
            await rig.command(`ip -6 route del ${sid(n)}/128`, addSid(n), addSid(other));
            break;
          }
          case 2:
            await rig.command(
              `ip route add 10.9.0.0/16 vrf ${vrf} via 10.0.0.2`,
              `ip route del 10.9.0.0/16 vrf ${vrf}`,
            );
            break;
          default:
            await rig.command(`ip link set ${vrf} down`, `ip link set ${vrf} up`);
            await rig.command(addSid(n)).catch(() => {});
        }
        changes++;
      }
    };
    try {
      const until = performance.now() + BOX_MS;
      // On a machine that has other things to do, it takes longer until enough has happened.
      const isOver = (): boolean => {
        const late = performance.now() - until;
        return late >= 0 && (late >= LATE_MS || (changes > CHANGES && got.every((count) => count > 0)));
      };
      const changed = churn(isOver);
      while (!isOver()) {
        for (let k = 0; k < BATCH; k++)
          if (rig.offer(cores[k % WORKERS] as string, packet(random(TENANTS), sent))) sent++;
        await sleep(1);
        read();
      }
      await changed;
      await rig.settle();
      read();
      assert.ok(changes > CHANGES, `${changes} changes`);
      assert.ok(
        got.every((count) => count > 0),
        `of ${sent}: ${got.join(' ')}`,
      );
      for (const core of cores) {
        const { index } = rig.router.table.get(core);
        assert.ok(total(rig.router.memory.views, index, Lane.IPACKETS) > sent / 4, `${core} has received its part`);
      }
      didOperations(t, sent);
    } finally {
      await rig.router.stop();
    }
  }));
