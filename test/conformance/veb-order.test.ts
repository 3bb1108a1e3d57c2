/**
 * The order of a bridge's checks (heads of veb-input.ts and veb-output.ts): a frame that two checks would stop is counted by
 * the earlier one alone. One row for each pair of neighbours that can meet in one frame.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DROP_REASONS } from '../../src/shared/counter/drop-reason.js';
import { Lane } from '../../src/shared/layout/counters.js';
import { FilterDirection } from '../../src/workers/ether/packet-filter.js';
import { etherFrame, ipv4Packet } from '../support/ip-frame.js';
import { A, B, BROADCAST, frame, Rig } from '../support/rig.js';

/** mem0 sends; A is on mem1, B on mem0. */
const SETTING = ['veb0 static mem1 02:00:00:00:00:0a static mem0 02:00:00:00:00:0b'];
const RESERVED = '01:80:c2:00:00:0e';
const UNKNOWN = '02:00:00:00:00:77';
const BAD_IP = etherFrame(A, B, 0x0800, ipv4Packet({ 0: 0x55 }));
const IP = etherFrame(A, B, 0x0800, ipv4Packet());

interface Row {
  readonly earlier: string;
  readonly later: string;
  readonly lines: readonly string[];
  readonly sent: Uint8Array;
  /** What a packet filter refuses. */
  readonly filter?: FilterDirection;
  /** Drops by `interface reason`. */
  readonly drops: readonly string[];
}

const ROWS: readonly Row[] = [
  {
    earlier: 'not running',
    later: 'vlan',
    lines: ['veb0 down'],
    sent: frame(A, B, { type: 0x8100 }),
    drops: [],
  },
  { earlier: 'reserved', later: 'vlan', lines: [], sent: frame(RESERVED, B, { type: 0x8100 }), drops: [] },
  {
    earlier: 'reserved',
    later: 'IN rules',
    lines: ['veb0 rule block in on mem0'],
    sent: frame(RESERVED, B),
    drops: [],
  },
  {
    earlier: 'vlan',
    later: 'blocknonip in',
    lines: ['veb0 blocknonip mem0'],
    sent: frame(A, B, { type: 0x8100 }),
    drops: ['mem0 vlan'],
  },
  {
    earlier: 'vlan',
    later: 'IN rules',
    lines: ['veb0 rule block in on mem0'],
    sent: frame(A, B, { type: 0x88a8 }),
    drops: ['mem0 vlan'],
  },
  {
    earlier: 'blocknonip in',
    later: 'IN rules',
    lines: ['veb0 blocknonip mem0 rule block in on mem0'],
    sent: frame(A, B),
    drops: ['mem0 blocknonip-in'],
  },
  {
    earlier: 'IN rules',
    later: 'IP header',
    lines: ['veb0 link1 rule block in on mem0'],
    sent: BAD_IP,
    drops: ['mem0 rules-in'],
  },
  {
    earlier: 'IN rules',
    later: 'packet filter',
    lines: ['veb0 link1 rule block in on mem0'],
    sent: IP,
    filter: FilterDirection.IN,
    drops: ['mem0 rules-in'],
  },
  {
    earlier: 'IP header',
    later: 'packet filter',
    lines: ['veb0 link1'],
    sent: BAD_IP,
    filter: FilterDirection.IN,
    drops: ['mem0 ip-header'],
  },
  {
    earlier: 'packet filter in',
    later: 'hairpin',
    lines: ['veb0 link1'],
    sent: etherFrame(B, B, 0x0800, ipv4Packet()),
    filter: FilterDirection.IN,
    drops: ['mem0 pf'],
  },
  {
    earlier: 'IN rules',
    later: 'protected',
    lines: ['veb0 protected mem0 1 protected mem1 1 rule block in on mem0'],
    sent: frame(A, B),
    drops: ['mem0 rules-in'],
  },
  {
    earlier: 'hairpin',
    later: 'protected',
    lines: ['veb0 protected mem0 1 rule block out on mem0'],
    sent: frame(B, B),
    drops: ['mem0 hairpin'],
  },
  {
    earlier: 'protected',
    later: 'running',
    lines: ['veb0 protected mem0 1 protected mem1 1', 'mem1 down'],
    sent: frame(A, B),
    drops: ['mem1 protected'],
  },
  {
    earlier: 'running',
    later: 'OUT rules',
    lines: ['veb0 rule block out on mem1', 'mem1 down'],
    sent: frame(A, B),
    drops: ['mem1 notrunning'],
  },
  {
    earlier: 'OUT rules',
    later: 'blocknonip out',
    lines: ['veb0 blocknonip mem1 rule block out on mem1'],
    sent: frame(A, B),
    drops: ['mem1 rules-out'],
  },
  {
    earlier: 'running',
    later: 'blocknonip out',
    lines: ['veb0 blocknonip mem1', 'mem1 down'],
    sent: frame(A, B),
    drops: ['mem1 notrunning'],
  },
  {
    earlier: 'OUT rules',
    later: 'packet filter',
    lines: ['veb0 link1 rule block out on mem1'],
    sent: IP,
    filter: FilterDirection.OUT,
    drops: ['mem1 rules-out'],
  },
  {
    earlier: 'packet filter',
    later: 'each port of a flood',
    lines: ['veb0 link1 protected mem0 1 protected mem1 1'],
    sent: etherFrame(BROADCAST, B, 0x0800, ipv4Packet()),
    filter: FilterDirection.OUT,
    drops: ['veb0 pf'],
  },
  {
    earlier: 'protected',
    later: 'running, of a flood',
    lines: ['veb0 protected mem0 1 protected mem1 1', 'mem1 down'],
    sent: frame(BROADCAST, B),
    drops: ['mem1 protected'],
  },
  {
    earlier: 'running',
    later: 'discover',
    lines: ['veb0 -discover mem1', 'mem1 down'],
    sent: frame(UNKNOWN, B),
    drops: ['mem1 notrunning'],
  },
  {
    earlier: 'discover',
    later: 'OUT rules',
    lines: ['veb0 -discover mem1 rule block out on mem1'],
    sent: frame(UNKNOWN, B),
    drops: ['mem1 flood-nodiscover'],
  },
  {
    earlier: 'OUT rules',
    later: 'blocknonip out, of a flood',
    lines: ['veb0 blocknonip mem1 rule block out on mem1'],
    sent: frame(BROADCAST, B),
    drops: ['mem1 rules-out'],
  },
  {
    earlier: 'a span port',
    later: 'running',
    lines: ['veb0 down del mem0 addspan mem0'],
    sent: frame(A, B),
    drops: ['mem0 span'],
  },
];

for (const { earlier, later, lines, sent, filter, drops } of ROWS) {
  test(`${earlier} comes before ${later}`, async () => {
    const rig = await Rig.bridge(2, ...SETTING);
    for (const line of lines) await rig.ifconfig(line);
    if (filter !== undefined) rig.router.ctx.packetFilter = (_, direction) => direction !== filter;
    rig.send('mem0', sent);
    const found = ['mem0', 'mem1', 'veb0'].flatMap((name) =>
      DROP_REASONS.flatMap((reason, number) => {
        const count = rig.counter(name, Lane.DROPS + number);
        assert.ok(count <= 1);
        return count === 0 ? [] : [`${name} ${reason.name}`];
      }),
    );
    assert.deepEqual(found, drops);
    assert.deepEqual(rig.counts('mem1'), [0]);
    assert.deepEqual(rig.bookErrors(), []);
  });
}
