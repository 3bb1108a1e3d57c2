import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drawTop, topOptions } from '../../../../src/main/cli/top.js';
import type { InterfaceStatus, Status } from '../../../../src/main/status.js';

function link(name: string, ipackets: number, more: Partial<InterfaceStatus> = {}): InterfaceStatus {
  return {
    name,
    type: 'tap',
    rdomain: 0,
    description: '',
    up: true,
    running: true,
    veb: 'veb0',
    span: false,
    peer: '',
    addresses: [],
    ipackets,
    ibytes: ipackets * 1000,
    opackets: 0,
    obytes: 0,
    drops: 0,
    ...more,
  };
}

function status(uptimeMs: number, more: Partial<Status> = {}): Status {
  return {
    uptimeMs,
    ready: true,
    why: [],
    interfaces: [],
    drops: [],
    workers: [
      {
        worker: 0,
        forwarding: true,
        bursts: uptimeMs / 100,
        frames: uptimeMs / 10,
        busySeconds: uptimeMs / 4000,
        sleeps: 0,
        silentMs: 3,
        freeFrames: 8000,
        freeSuperframes: 500,
      },
    ],
    smr: { epoch: 7, deferredObjects: 2, deferredBytes: 64 },
    unbalanced: 0,
    ...more,
  };
}

describe('top', () => {
  it('draws rates between two looks: workers, interfaces by traffic, drops by rate', () => {
    const before = status(10_000, {
      interfaces: [link('tap0', 100), link('tap1', 100)],
      drops: [{ interface: 'tap0', reason: 'vlan', frames: 50 }],
    });
    const now = status(12_000, {
      interfaces: [
        link('tap0', 300, { drops: 4 }),
        link('tap1', 4_000_100),
        link('tap2', 2, { running: false, up: false, veb: '' }),
      ],
      drops: [
        { interface: 'tap0', reason: 'vlan', frames: 54 },
        { interface: 'tap1', reason: 'hairpin', frames: 2000 },
      ],
    });
    assert.deepEqual(drawTop(before, now), [
      'forwarding   up 12 s   epoch 7, 2 objects wait',
      '',
      'worker  state       busy  frames/s  per burst  silent ms   slots  superslots',
      '     0  forwarding    25%       100       10.0          3   8.00k         500',
      '',
      'interface        type   in/s   out/s  in bit/s out bit/s drops/s  where',
      'tap1            tap    2.00M       0     16.0G         0       0  veb0',
      'tap0            tap      100       0      800k         0       2  veb0',
      'tap2            tap        1       0     8.00k         0       0  rdomain 0 down',
      '',
      'drops/s     in all  interface        reason',
      '  1.00k      2.00k  tap1             hairpin',
      '      2         54  tap0             vlan',
    ]);
  });

  it('fits 80 columns and a screen, whatever there is', () => {
    const interfaces = Array.from({ length: 100 }, (_, n) =>
      link(`interface-${n}-xyz`, 9e15, { veb: 'veb-with-a-name', running: false }),
    );
    const drops = Array.from({ length: 30 }, (_, n) => ({
      interface: `interface-${n}-xyz`,
      reason: 'ip6-multicast-source',
      frames: 9e15,
    }));
    const why = ['worker 0 does not run', 'worker 1 has not announced for 20000 ms', 'worker 2 has no free frame slot'];
    const lines = drawTop(status(1000), status(2000, { interfaces, drops, ready: false, why }));
    assert.ok(lines.every((line) => line.length <= 80));
    assert.match(lines[0] as string, /^NOT FORWARDING: worker 0 does not run/);
    assert.ok(lines.includes('… and 60 quieter ones'));
    assert.ok(lines.includes('… and 20 more (show drops)'));
  });

  it('takes -d and -n', () => {
    assert.deepEqual(topOptions([]), { period: 1, screens: 0 });
    assert.deepEqual(topOptions(['-d', '0.5', '-n', '3']), { period: 0.5, screens: 3 });
    for (const args of [['-d', '0'], ['-n', '1.5'], ['-n'], ['-x', '1'], ['3']])
      assert.throws(() => topOptions(args), /top takes -d/);
  });
});
