/** The soak's own driver, for a few seconds: what `npm run soak` does for long ends well here, and says what it did. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { skipReason } from '../support/require.js';

const SOAK = fileURLToPath(new URL('../soak/soak.js', import.meta.url));

/** Runs the driver to its end. */
function soak(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SOAK, ...args], {
    encoding: 'utf8',
    timeout: 100_000,
  });
  return { status, stdout, stderr };
}

describe('soak', { skip: skipReason.tun() }, () => {
  it('a short run of one stress and of the memory soak passes, with its seeds and figures', () => {
    const { status, stdout, stderr } = soak('--seconds', '2', '--seed', '11', '--only', 'ring', '--only', 'memory');
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /^soak: seed 11$/m);
    assert.match(stdout, /^ring: seed 11, [1-9]\d* operations/m);
    assert.match(stdout, /^memory: [1-9]\d* frames forwarded, [1-9]\d* changes, [1-9]\d* scrapes; seed 11$/m);
    assert.match(stdout, /^ok +ring +[1-9]\d* operations in 1 rounds/m);
    assert.match(stdout, /^ok +memory +resident [\d.]+ to [\d.]+ MiB of 300/m);
    assert.match(stdout, /^soak: all 2 passed$/m);
    assert.doesNotMatch(stdout, /smr|etherbridge|churn/);
  });

  it('wrong arguments are refused, and --help names every soak', () => {
    for (const args of [['--only', 'nothing'], ['--seconds', '-1'], ['--seed', '1.5'], ['--what']]) {
      const { status, stderr } = soak(...args);
      assert.equal(status, 2, args.join(' '));
      assert.match(stderr, /^usage: npm run soak/m);
    }
    const { status, stdout } = soak('--help');
    assert.equal(status, 0);
    assert.match(
      stdout,
      /names: smr, ring, etherbridge, churn, linux-router, fuzz-http, fuzz-config, fuzz-control, fuzz-srv6, memory, chaos, attached$/m,
    );
  });
});
