/**
 * Floods of what costs a router most: new addresses, questions of unknown neighbours, packets that provoke ICMP errors, fragments. Under each,
 * `show drops` is answered and names the reason, and a flow between two other ports goes on (docs/limits.md). Times and shares are
 * printed and never asserted; bench `floods` measures them.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  askingMeanwhile,
  attack,
  droppedFor,
  FLOODS,
  MAXADDR,
  percentile,
  startHostile,
  steadyFlow,
} from '../support/hostile.js';
import type { Host, Lan } from '../support/hosts.js';
import { skipReason } from '../support/require.js';

const SECONDS = 2;
/** The flow between two other ports, frames a second. */
const RATE = 2000;
/** Frames that make a flood, and how often it is gone on with until they are. */
const ENOUGH = 10_000;
const AGAIN = 10;
/** A bound on a command that is stuck, not on how fast it is. */
const STUCK_MS = 5000;

describe('floods', { skip: skipReason.tun() }, () => {
  let lan: Lan;
  let alone = 0;

  before(async () => {
    lan = await startHostile('flood', 2);
    alone = (await flow(1.5)).arrived;
  });
  after(() => lan?.stop());

  /** The flow for so long, and how many frames of it left in each second. */
  async function flow(seconds: number): Promise<{ arrived: number; each: number[] }> {
    const samples: number[] = [];
    let over = false;
    const name = `smrouter_interface_transmit_packets_total{interface="${(lan.hosts[1] as Host).tap}"}`;
    const look = async (): Promise<void> => {
      while (!over) {
        samples.push((await lan.daemon.metrics()).get(name) ?? 0);
        await sleep(1000);
      }
    };
    const looking = look();
    const arrived = await steadyFlow(lan, seconds, RATE);
    over = true;
    await looking;
    return { arrived, each: samples.slice(1).map((n, k) => n - (samples[k] as number)) };
  }

  async function under(kind: string, t: TestContext): Promise<void> {
    const { result, took } = await askingMeanwhile(lan, () => Promise.all([attack(lan, kind, SECONDS), flow(SECONDS)]));
    const [first, { arrived, each }] = result;
    let sent = first;
    // A machine that has other work sends less in that time.
    for (let again = 0; sent <= ENOUGH && again < AGAIN; again++) sent += await attack(lan, kind, SECONDS);
    const share = (arrived / alone).toFixed(2);
    const [p50, p99] = [0.5, 0.99].map((part) => percentile(took, part).toFixed(1));
    t.diagnostic(
      `${kind}: ${sent} frames, show drops p50 ${p50} p99 ${p99} ms (${took.length}), flow ${share} of its rate`,
    );
    assert.ok(sent > ENOUGH, `only ${sent} frames`);
    assert.ok(took.length > 0 && Math.max(...took) < STUCK_MS, `a command took ${Math.max(...took)} ms`);
    assert.ok(
      each.some((n) => n > 0),
      `the flow stood still: ${each}`,
    );
  }

  for (const [kind, reason, least] of FLOODS) {
    it(`${kind}: the socket answers, ${reason} is named, the other ports' flow goes on`, async (t) => {
      const old = await droppedFor(lan, reason);
      await under(kind, t);
      assert.ok((await droppedFor(lan, reason)) >= old + least, JSON.stringify([...(await lan.drops())]));
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
