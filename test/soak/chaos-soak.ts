/**
 * The chaos of support/chaos.ts for ten minutes: besides, memory must stay flat.
 */
import { chaos } from '../support/chaos.js';
import { seeded } from '../support/stress.js';
import type { Outcome, SoakOptions } from './contract.js';

const SECONDS = 600;
/** What the second half may add, in MiB, beyond one part in twenty. */
const SLACK_MIB = 20;

/** Runs it. */
export async function chaosSoak({ seed, seconds, say }: SoakOptions): Promise<Outcome> {
  const report = await chaos({ seconds: seconds ?? SECONDS, random: seeded(seed), say });
  const [half, end] = report.resident;
  const ok = end <= half * 1.05 + SLACK_MIB;
  return {
    ok,
    lines: [
      `${report.offered} frames, ${report.lost} lost, all with a reason; seed ${seed}`,
      `memory ${half} MiB half-way, ${end} at the end${ok ? '' : ': not flat'}`,
      JSON.stringify(report.events),
      JSON.stringify(report.drops),
    ],
  };
}
