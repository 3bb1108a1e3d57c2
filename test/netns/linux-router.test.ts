/**
 * Linux as the oracle of an IP router: the same random packets into the same legs make the same packets come out of the same legs,
 * byte for byte, but for what router-differences.ts allows. `npm run soak -- --only linux-router` goes on for longer.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinuxRouter, macText } from '../support/linux-router.js';
import {
  FIRST_NUMBER,
  HOST_MACS,
  LAST_NUMBER,
  LEG_MACS,
  LEG_MTUS,
  LEGS,
  numberOf,
  ROUTES,
  randomStimulus,
  type Stimulus,
} from '../support/random-packets.js';
import { skipReason } from '../support/require.js';
import { RoutedRig } from '../support/routed-rig.js';
import {
  type Answer,
  comparable,
  DIFFERENCES,
  differencesFor,
  isFromAnycast,
  limitedKind,
} from '../support/router-differences.js';
import { BOX_MS, didOperations, withSeed } from '../support/stress.js';

/** Packets that are always compared; a longer time box (a soak) adds more, as many as there are numbers. */
const PACKETS = 1200;
const BATCH = 100;

/** smrouter configured as the Linux router is. */
async function smrouter(): Promise<RoutedRig> {
  const lines = ['sysctl net.inet.icmp.errppslimit=-1', 'sysctl net.inet6.icmp6.errppslimit=-1'];
  for (const n of LEGS) {
    const lladdr = macText(LEG_MACS[n] as Uint8Array);
    lines.push(`ifconfig mem${n} create lladdr ${lladdr} mtu ${LEG_MTUS[n]} inet 10.0.${n + 1}.1/24 up`);
    lines.push(`ifconfig mem${n} inet6 2001:db8:${n + 1}::1/64`);
  }
  for (const { net, via, kind } of ROUTES) {
    const six = net.includes(':');
    const gateway = six ? `2001:db8:${(via ?? 0) + 1}::9` : `10.0.${(via ?? 0) + 1}.9`;
    lines.push(`route add -${six ? 'inet6' : 'inet'} ${net} ${kind === undefined ? gateway : `-${kind}`}`);
  }
  const rig = await RoutedRig.start(lines);
  for (const n of LEGS) {
    for (const at of [`10.0.${n + 1}.9`, `2001:db8:${n + 1}::9`, `fe80::ff:fe00:${n + 1}09`])
      rig.neighbour(`mem${n}`, at, HOST_MACS[n] as Uint8Array);
  }
  return rig;
}

/** What came out of the legs, by the number of what went in; what the routers say of their own accord has none. */
function byNumber(legs: readonly Uint8Array[][]): Map<number, [number, Uint8Array][]> {
  const found = new Map<number, [number, Uint8Array][]>();
  legs.forEach((frames, leg) => {
    for (const frame of frames) {
      const number = numberOf(frame);
      if (number !== undefined) found.set(number, [...(found.get(number) ?? []), [leg, frame]]);
    }
  });
  return found;
}

/** An answer without what `other` may have left out. */
function beside(answer: Answer, other: Answer): Answer {
  const kinds = other.map(([, frame]) => limitedKind(frame));
  return answer.filter(([, frame]) => limitedKind(frame) === undefined || kinds.includes(limitedKind(frame)));
}

function hexOf(frame: Uint8Array): string {
  return Buffer.from(frame).toString('hex');
}

/** An answer as text. */
function shown(answer: Answer, leg: number): string[] {
  return answer.map(([out, frame]) => `${out} ${comparable(frame, leg)}`).sort();
}

test('B74 Linux and smrouter send the same on', { skip: skipReason.root() }, (t) =>
  withSeed(async (random) => {
    const rig = await smrouter();
    const linux = await LinuxRouter.start();
    const until = performance.now() + BOX_MS;
    const allowed = new Map<string, number>();
    let number = FIRST_NUMBER;
    let came = 0;
    try {
      const goesOn = (): boolean => number < FIRST_NUMBER + PACKETS || performance.now() < until;
      while (goesOn() && number + BATCH < LAST_NUMBER) {
        const batch: Stimulus[] = Array.from({ length: BATCH }, () => randomStimulus(random, number++));
        rig.forget();
        for (const { leg, frames } of batch) rig.push(`mem${leg}`, ...frames);
        const theirs = byNumber(await linux.send(batch));
        await rig.settle();
        const ours = byNumber(LEGS.map((n) => rig.all(`mem${n}`)));
        for (const frame of LEGS.flatMap((n) => rig.all(`mem${n}`))) assert.ok(!isFromAnycast(frame), hexOf(frame));
        for (const stimulus of batch) {
          const [a, b] = [ours.get(stimulus.number) ?? [], theirs.get(stimulus.number) ?? []];
          const [mine, wanted] = [beside(a, b), beside(b, a)];
          const [shownMine, shownWanted] = [shown(mine, stimulus.leg), shown(wanted, stimulus.leg)];
          came += a.length;
          const sent = stimulus.frames.map(hexOf);
          const where = `into leg ${stimulus.leg}: ${sent.join(', ')}`;
          const differences = differencesFor(stimulus);
          if (differences.length === 0) assert.deepEqual(shownMine, shownWanted, where);
          else if (String(shownMine) !== String(shownWanted)) {
            const fits = differences.find(({ ours }) => ours?.(mine, wanted) ?? mine.length === 0);
            const what = differences.map((one) => one.what).join('; ');
            if (fits === undefined)
              assert.deepEqual(shownMine, shownWanted, `not what is allowed for ${what}: ${where}`);
            else allowed.set(fits.what, (allowed.get(fits.what) ?? 0) + 1);
          }
        }
      }
      // Of all packets about two thirds make something come out.
      assert.ok(came > (number - FIRST_NUMBER) / 3, `${came} frames came out`);
      for (const { what } of DIFFERENCES) t.diagnostic(`allowed ${allowed.get(what) ?? 0} × ${what}`);
      didOperations(t, number - FIRST_NUMBER);
    } finally {
      linux.stop();
      await rig.stop();
    }
  }),
);
