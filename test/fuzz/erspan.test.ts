/**
 * Random GRE to an address of ours: what is taken, delivered or declined is what a plain reader says, by the byte; nothing else moves, and the
 * books hold. Most packets are near a right one: fields set to anything, cut anywhere, subheaders, all three types.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Lane } from '../../src/shared/layout/counters.js';
import { ErspanRig, OTHER, PEER, US } from '../support/erspan.js';
import { BOX_MS, SEED } from '../support/stress.js';

/** What becomes of a GRE packet: a drop reason, or who takes it and whether the frame is delivered. */
type Outcome = string | { readonly by: 'erspan0' | 'erspan1' | 'erspan2' | 'erspan3'; readonly frame?: Uint8Array };

/** The plain reader. erspan0 is (5, PEER), erspan1 (5, any), erspan2 (any, any), erspan3 type I of PEER. */
function judge(from: string, gre: Uint8Array): Outcome {
  if (gre.length < 4) return 'gre-short';
  const view = new DataView(gre.buffer, gre.byteOffset, gre.length);
  const [flags, protocol] = [view.getUint16(0), view.getUint16(2)];
  if ((flags & 7) !== 0) return 'gre-version';
  if (flags === 0x1000 && gre.length < 8) return 'gre-short';
  if (protocol !== 0x88be && protocol !== 0x22eb) return 'gre-protocol';
  const whole = (at: number): Uint8Array | undefined => (gre.length - at < 14 ? undefined : gre.slice(at));
  if (flags === 0 && protocol === 0x88be) {
    if (from !== PEER) return 'no-tunnel';
    const frame = whole(4);
    return frame === undefined ? 'erspan-short' : { by: 'erspan3', frame };
  }
  if (flags !== 0x1000) return 'gre-flags';
  const three = protocol === 0x22eb;
  if (gre.length < (three ? 20 : 16)) return 'gre-short';
  if (gre[8] >> 4 !== (three ? 2 : 1)) return 'erspan-version';
  const subheader = three && (view.getUint16(18) & 1) !== 0;
  const payload = three ? (subheader ? 28 : 20) : 16;
  if (gre.length < payload) return 'gre-short';
  const word = view.getUint32(8);
  const session = word & 0x3ff;
  const by = session === 5 ? (from === PEER ? 'erspan0' : 'erspan1') : 'erspan2';
  const ethernet = !three || ((view.getUint16(18) >> 10) & 31) === 0;
  const frame = whole(payload);
  if (ethernet && frame === undefined) return 'erspan-short';
  const sound = ethernet && (word & 0x400) === 0 && (!three || (word & 0x1800) === 0);
  return { by, ...(by === 'erspan0' && sound && frame !== undefined ? { frame } : {}) };
}

const near = fc
  .record({
    kind: fc.constantFrom(1, 2, 2, 2, 3, 3),
    session: fc.constantFrom(5, 5, 5, 6, 1023),
    bits: fc.oneof(fc.constant(0), fc.integer()),
    flags3: fc.oneof(fc.constantFrom(0x8000, 0x8001), fc.integer({ min: 0, max: 0xffff })),
    sequence: fc.integer(),
    payload: fc.uint8Array({ minLength: 0, maxLength: 80 }),
    change: fc.option(fc.tuple(fc.nat(27), fc.nat(255)), { freq: 2 }),
    cut: fc.option(fc.nat(40), { freq: 4 }),
  })
  .map(({ kind, session, bits, flags3, sequence, payload, change, cut }) => {
    const header = new Uint8Array(kind === 1 ? 4 : kind === 2 ? 16 : (flags3 & 1) !== 0 ? 28 : 20);
    const view = new DataView(header.buffer);
    view.setUint16(0, kind === 1 ? 0 : 0x1000);
    view.setUint16(2, kind === 3 ? 0x22eb : 0x88be);
    if (kind !== 1) {
      view.setInt32(4, sequence);
      view.setInt32(8, ((kind - 1) << 28) | (bits & 0x0ffffc00) | session);
      if (kind === 3) view.setUint16(18, flags3);
    }
    const bytes = Uint8Array.from([...header, ...payload]);
    if (change !== null && change[0] < bytes.length) bytes[change[0]] = change[1];
    return cut === null ? bytes : bytes.slice(0, cut);
  });
const packet = fc.tuple(
  fc.constantFrom(PEER, OTHER),
  fc.oneof({ weight: 6, arbitrary: near }, fc.uint8Array({ maxLength: 60 })),
);

test('random GRE is taken as a plain reader takes it', async () => {
  const rig = await ErspanRig.start(
    `ifconfig erspan0 create tunnel ${US} ${PEER} vnetid 5 -monitor up`,
    `ifconfig erspan1 create tunneladdr ${US} vnetid 5 -monitor up`,
    `ifconfig erspan2 create tunneladdr ${US} -monitor up`,
    `ifconfig erspan3 create link1 tunnel ${US} ${PEER} -monitor up`,
    'ifconfig mem1 create up',
    'ifconfig mem3 create up',
    'ifconfig veb0 create add mem1 add erspan0 link0 link2 up',
    'ifconfig veb3 create add mem3 add erspan3 link0 link2 up',
  );
  const taken = (): number[] => [0, 1, 2, 3].map((n) => rig.counter(`erspan${n}`, Lane.IPACKETS));
  fc.assert(
    fc.property(packet, ([from, gre]) => {
      const [drops, before] = [rig.drops(), taken()];
      rig.push('mem0', [rig.outer(from, gre)]);
      const outcome = judge(from, gre);
      const added = Object.entries(rig.drops()).filter(([name, count]) => count !== (drops[name] ?? 0));
      const counts = taken().map((count, n) => count - (before[n] as number));
      const delivered = { mem1: rig.sent('mem1'), mem3: rig.sent('mem3') };
      if (typeof outcome === 'string') {
        assert.deepEqual(
          added.map(([name]) => name.split(' ')[1]),
          [outcome],
        );
        assert.deepEqual(counts, [0, 0, 0, 0]);
        assert.deepEqual(delivered, { mem1: [], mem3: [] });
        return;
      }
      assert.equal(counts[Number(outcome.by.at(-1))], 1);
      const out = outcome.by === 'erspan3' ? delivered.mem3 : delivered.mem1;
      // What the bridge keeps to itself (reserved groups, hairpins) is its own affair.
      for (const frame of out) assert.deepEqual(frame, outcome.frame);
      if (outcome.frame === undefined) assert.deepEqual(delivered, { mem1: [], mem3: [] });
      else assert.ok(out.length === 1 || added.length > 0 || outcome.frame[0] === 1, 'delivered');
    }),
    { seed: SEED, numRuns: 100_000, interruptAfterTimeLimit: BOX_MS },
  );
});
