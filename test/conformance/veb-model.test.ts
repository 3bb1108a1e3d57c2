/**
 * Random bridges with random traffic against the model of test/support/veb-model.ts: exactly the frames it says, on the ports it
 * says, in its order, with its tags, and its counts. While they run, settings change and ports come and go.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DROP_REASONS } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { numberOf, randomBridge, randomFrame, randomSetting } from '../support/random-bridge.js';
import { Rig } from '../support/rig.js';
import { withSeed } from '../support/stress.js';
import { VebModel } from '../support/veb-model.js';

const FRAMES = 100_000;
const BURSTS = 100;
const MOST_IN_A_BURST = 20;
const NAMES = ['mem0', 'mem1', 'mem2', 'mem3', 'mem4', 'mem5', 'mem6'];
/** What the model counts beside drops, and the counter of it. */
const COUNTED: readonly (readonly [string, Lane])[] = [
  ['in', Lane.IPACKETS],
  ['returned', Lane.RETURNED],
  ['unicast', Lane.UNICAST],
  ['flooded', Lane.FLOODED],
];

/** A bridge of the rig and the model of it. */
class Pair {
  private readonly model: VebModel;
  /** Names of the tags that copies came with, by number. */
  private tags = new Map<number, string>();
  readonly seen = new Set<string>();

  constructor(
    private readonly rig: Rig,
    private readonly random: (below: number) => number,
  ) {
    this.model = new VebModel('veb0', () => rig.router.configured);
  }

  /** Sends a burst into both. Returns how many frames it had. */
  burst(number: number): number {
    const { random } = this;
    const ingress = NAMES[random(NAMES.length)] as string;
    const frames = Array.from({ length: 1 + random(MOST_IN_A_BURST) }, (_, n) => randomFrame(random, number + n));
    this.rig.burst(
      ingress,
      frames.map((f) => f.bytes),
    );
    this.model.burst(ingress, frames);
    for (const name of NAMES) this.compare(name);
    return frames.length;
  }

  private compare(name: string): void {
    const got = this.rig.received(name);
    const wanted = this.model.take(name);
    assert.deepEqual(
      got.map((f) => numberOf(f.bytes)),
      wanted.map((c) => numberOf(c.frame.bytes)),
      `frames on ${name}`,
    );
    got.forEach(({ bytes, tag }, n) => {
      const { frame, tag: name } = wanted[n] as (typeof wanted)[0];
      assert.deepEqual(bytes, frame.bytes);
      assert.equal(tag === 0, name === '', `frame ${numberOf(bytes)} has tag ${tag}, not '${name}'`);
      if (tag !== 0 && this.tags.get(tag) === undefined) this.tags.set(tag, name);
      assert.equal(this.tags.get(tag) ?? '', name, `tag ${tag}`);
    });
  }

  /** One change of the bridge. */
  async change(): Promise<void> {
    const { random } = this;
    const veb = this.rig.router.configured.interfaces.get('veb0')?.veb;
    const name = NAMES[random(NAMES.length)] as string;
    const kind = random(6);
    let line = `${name} ${random(3) === 0 ? 'down' : 'up'}`;
    if (veb?.ports.some((p) => p.name === name)) {
      if (kind === 0) line = `veb0 del ${name}`;
      else if (kind < 5) line = randomSetting(random, name);
    } else if (veb?.spans.includes(name)) {
      if (kind < 3) line = `veb0 delspan ${name}`;
    } else if (kind < 5) line = `veb0 ${kind < 4 ? 'add' : 'addspan'} ${name}`;
    await this.rig.ifconfig(line);
    this.model.configured();
    // A tag's number may go to another name when no rule has it any more.
    await this.rig.router.grace();
    this.tags = new Map();
  }

  /** Compares the counts, and holds them to A28. */
  end(): void {
    const { rig, model } = this;
    const counts = new Map<string, number>();
    const add = (key: string, count: number): void => void (count > 0 && counts.set(key, count));
    let drops = 0;
    for (const name of [...NAMES, 'veb0']) {
      DROP_REASONS.forEach((reason, number) => {
        const count = rig.counter(name, Lane.DROPS + number);
        add(`${name} ${reason.name}`, count);
        if (count > 0) this.seen.add(reason.name);
        if (reason.place === 'stack' && reason.name !== 'span') drops += count;
      });
      if (name !== 'veb0') add(`${name} consumed`, rig.counter(name, Lane.CONSUMED));
    }
    for (const [key, word] of COUNTED) add(`veb0 ${key}`, rig.counter('veb0', word));
    assert.deepEqual(new Map([...counts].sort()), new Map([...model.tally].sort()));
    const veb = (word: Lane): number => rig.counter('veb0', word);
    const queued = NAMES.reduce((sum, name) => sum + rig.counter(name, Lane.QUEUED), 0);
    assert.equal(veb(Lane.IPACKETS) + veb(Lane.COPIED), queued + veb(Lane.CONSUMED) + drops, 'A28');
    assert.equal(veb(Lane.CONSUMED), veb(Lane.FLOODED));
    assert.equal(veb(Lane.OPACKETS), veb(Lane.UNICAST) + veb(Lane.FLOODED));
    assert.deepEqual(rig.bookErrors(), []);
  }
}

test('A19 A20 A23 A28 A59 A62 A67 random bridges do to 100 000 random frames what the model says', () =>
  withSeed(async (random) => {
    const rig = await Rig.bridge(0, 'veb0 destroy');
    const seen = new Set<string>();
    for (let frames = 0; frames < FRAMES; ) {
      const lines = randomBridge(random, NAMES);
      await rig.ifconfig(...lines);
      const pair = new Pair(rig, random);
      try {
        for (let n = 0; n < BURSTS; n++) {
          frames += pair.burst(frames);
          if (random(8) === 0) await pair.change();
        }
        pair.end();
      } catch (error) {
        (error as Error).message += `\nafter:\n${lines.join('\n')}\n${frames} frames`;
        throw error;
      }
      for (const reason of pair.seen) seen.add(reason);
      await rig.ifconfig('veb0 destroy', ...NAMES.map((name) => `${name} destroy`));
    }
    const wanted =
      'down vlan hairpin notrunning flood-nodiscover span protected blocknonip-in blocknonip-out rules-in rules-out ip-header';
    assert.deepEqual([...seen].sort(), wanted.split(' ').sort(), 'every reason was met');
  }));
