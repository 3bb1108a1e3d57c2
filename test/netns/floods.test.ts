/**
 * Floods of what costs a router most: new addresses, questions of unknown neighbours, packets that provoke ICMP errors, fragments. Under each,
 * `show drops` is answered and names the reason, and a flow between two other ports goes on (docs/limits.md). Times and shares are
 * printed and never asserted.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { flood } from '../support/flood.js';
import { type Host, Lan } from '../support/hosts.js';
import { skipReason } from '../support/require.js';

const HOSTILE = fileURLToPath(new URL('../load/hostile-flood.js', import.meta.url));
const ROUTER_MAC = '02:00:00:00:01:01';
const MAXADDR = 1000;
const SECONDS = 2;
/** The flow between two other ports, frames a second. */
const RATE = 2000;
/** A bound on a command that is stuck, not on how fast it is. */
const STUCK_MS = 5000;

/** Each flood, the reason that `show drops` must name, and how many frames of it at least. */
const FLOODS = [
  ['macs', 'other-host', 10_000],
  ['arp', 'punt-full', 1],
  ['nd', 'punt-full', 1],
  ['no-route', 'no-route', 100],
  ['ttl', 'ttl', 100],
  ['fragments', 'reassembly-full', 1],
] as const;

function percentile(values: readonly number[], part: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] as number).toFixed(1);
}

describe('floods', { skip: skipReason.tun() }, () => {
  let lan: Lan;
  let attacker: Host;
  let alone = 0;

  before(async () => {
    lan = await Lan.start('flood', { hosts: 3, workers: 2 });
    attacker = lan.hosts[2] as Host;
    const { daemon } = lan;
    for (const line of [
      `ifconfig veb0 del ${attacker.tap}`,
      `ifconfig veb1 create maxaddr ${MAXADDR} add ${attacker.tap} up`,
      `ifconfig vport0 create lladdr ${ROUTER_MAC} inet 198.19.0.1/16 up`,
      'ifconfig vport0 inet6 fd01::1/64',
      'ifconfig veb1 add vport0',
      'route add 198.18.0.0/24 198.19.0.99',
    ])
      await daemon.run(...line.split(' '));
    alone = (await flow(1.5)).arrived;
  });
  after(() => lan?.stop());

  /** The flow for so long, and how many frames of it left in each second. */
  async function flow(seconds: number): Promise<{ arrived: number; each: number[] }> {
    const [a, b] = lan.hosts as [Host, Host];
    const samples: number[] = [];
    let over = false;
    const name = `smrouter_interface_transmit_packets_total{interface="${b.tap}"}`;
    const look = async (): Promise<void> => {
      while (!over) {
        samples.push((await lan.daemon.metrics()).get(name) ?? 0);
        await sleep(1000);
      }
    };
    const looking = look();
    const { arrived } = await flood(lan, a, b, seconds, RATE);
    over = true;
    await looking;
    return { arrived: arrived / seconds, each: samples.slice(1).map((n, k) => n - (samples[k] as number)) };
  }

  async function hostile(kind: string): Promise<number> {
    const words = [HOSTILE, kind, attacker.tap, ROUTER_MAC, String(SECONDS)];
    const child = attacker.netns.spawn([process.execPath, ...words]);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => void (said += chunk));
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 0, said);
    return (JSON.parse(said) as { sent: number }).sent;
  }

  async function under(kind: string, t: TestContext): Promise<void> {
    const took: number[] = [];
    let over = false;
    const asking = (async (): Promise<void> => {
      while (!over) {
        const start = performance.now();
        await lan.daemon.run('show', 'drops');
        took.push(performance.now() - start);
        await sleep(5);
      }
    })();
    const [sent, { arrived, each }] = await Promise.all([hostile(kind), flow(SECONDS)]);
    over = true;
    await asking;
    const share = (arrived / alone).toFixed(2);
    t.diagnostic(
      `${kind}: ${sent} frames, show drops p50 ${percentile(took, 0.5)} p99 ${percentile(took, 0.99)} ms (${took.length}), flow ${share} of its rate`,
    );
    assert.ok(sent > 10_000, `only ${sent} frames`);
    assert.ok(took.length > 0 && Math.max(...took) < STUCK_MS, `a command took ${Math.max(...took)} ms`);
    assert.ok(
      each.some((n) => n > 0),
      `the flow stood still: ${each}`,
    );
  }

  for (const [kind, reason, least] of FLOODS) {
    it(`${kind}: the socket answers, ${reason} is named, the other ports' flow goes on`, async (t) => {
      const dropped = async (): Promise<number> =>
        [...(await lan.drops())].reduce((sum, [key, n]) => (key.endsWith(` ${reason}`) ? sum + n : sum), 0);
      const old = await dropped();
      await under(kind, t);
      assert.ok((await dropped()) >= old + least, JSON.stringify([...(await lan.drops())]));
    });
  }

  it('the table is full to its bound, and what was refused is counted', async () => {
    const samples = await lan.daemon.metrics();
    assert.ok((samples.get('smrouter_veb_addresses{veb="veb1"}') ?? 0) <= MAXADDR);
    assert.ok((samples.get('smrouter_veb_learn_refused_total{veb="veb1"}') ?? 0) > 0);
  });

  it('afterwards the books balance and nothing was complained of', async () => {
    await lan.daemon.books();
    assert.deepEqual(lan.daemon.complaints(), []);
  });
});
