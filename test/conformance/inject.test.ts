/** Frames that the operator injects: bpf-style, past the bridge (spec A §1.11). */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { runCommand } from '../../src/main/cli/command.js';
import { MemoryHost } from '../../src/main/memory/memory-host.js';
import { Router } from '../../src/main/router.js';
import { A, B, frame } from '../support/rig.js';
import { ifconfigOn } from '../support/router-words.js';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const router = await Router.start({ workers: 2, kernelTaps: false, poison: true, log: quiet });
const ifconfig = ifconfigOn(router);
await ifconfig(...['mem0', 'mem1', 'mem2', 'mem3'].map((name) => `${name} create up`), 'mem3 down', 'veb0 create up');
await ifconfig('veb0 add mem0 add mem1 addspan mem2');
after(() => router.stop());

const hex = Buffer.from(frame(A, B)).toString('hex');

function inject(...args: string[]): Promise<string> {
  return runCommand(router, ['inject', ...args], false, { reload: async () => {}, shutdown: () => {} });
}

/** Asserts that the next that comes to a host is one frame, these bytes. */
async function receives(host: MemoryHost, bytes: string): Promise<void> {
  let got = host.receive();
  for (let n = 0; n < 500 && got.length === 0; n++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    got = host.receive();
  }
  assert.deepEqual(
    got.map((f) => Buffer.from(f.bytes).toString('hex')),
    [bytes],
  );
}

test('A51 an injected frame leaves by that port as it is, the bridge does not see it, and the books balance', async () => {
  const hosts = ['mem0', 'mem1'].map((name) => new MemoryHost(router.memory, router.table.get(name)));
  await inject('mem0', hex);
  await inject('mem1', hex);
  for (const host of hosts) {
    await receives(host, hex);
  }
  assert.deepEqual(router.vebs.list(router.table.get('veb0')), []);
  await router.grace();
  const { totals, errors } = router.books();
  assert.deepEqual(errors, []);
  assert.equal(totals.originated, 2);
});

test('A51 what cannot be injected is refused with its reason', async () => {
  const refused: [string[], string][] = [
    [['mem2', hex], 'ENXIO'],
    [['mem3', hex], 'ENETDOWN'],
    [['veb0', hex], 'ENODEV'],
    [['mem9', hex], 'ENXIO'],
    [['mem0', hex.slice(0, 26)], 'EINVAL'],
    [['mem0', hex.slice(0, 28) + '00'.repeat(1501)], 'EMSGSIZE'],
    [['mem0', `${hex.slice(0, 24)}8100000a0800${'00'.repeat(1501)}`], 'EMSGSIZE'],
    [['mem0', 'abc'], 'EINVAL'],
    [['mem0', 'zz'], 'EINVAL'],
    [['mem0'], 'EINVAL'],
    [['mem0', hex, 'more'], 'EINVAL'],
  ];
  for (const [args, code] of refused) await assert.rejects(inject(...args), { code }, args.join(' '));
});

test('A51 a tag is not counted with the MTU', async () => {
  const host = new MemoryHost(router.memory, router.table.get('mem0'));
  for (const frame of [hex.slice(0, 28) + '00'.repeat(1500), `${hex.slice(0, 24)}8100000a0800${'00'.repeat(1500)}`]) {
    await inject('mem0', frame);
    await receives(host, frame);
  }
});
