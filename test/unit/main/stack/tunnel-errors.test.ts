/**
 * Errors about packets of our own tunnels (main/stack/tunnel-errors.ts): what they say of a path is believed for ten minutes, of a bounded
 * number of paths, and who is told is in the domain that the tunnel belongs to.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { StackTunnel } from '../../../../src/main/stack/environment.js';
import { ether, FakeWorld, icmp, ip, ipv4, ipv6, mac, sum6 } from '../../../support/fake-stack.js';

const [CORE, TENANT] = [1, 2];
const [OWN, ROUTER, SID] = ['fd00::1', '2001:db8::9', 'fc00:1::'];
const MOST = 1024;

/** A world with a core in domain 0 and a tenant in domain 100, who has a route into tunnel `path` by `SID`. */
function world(): FakeWorld {
  const w = new FakeWorld();
  w.add(CORE, 0, [`${OWN}/64`, '2001:db8::1/64']);
  w.add(TENANT, 100, ['10.0.0.254/24']);
  tunnel(w, SID, 'path');
  return w;
}

function tunnel(w: FakeWorld, to: string, path: string, more: Partial<StackTunnel> = {}): void {
  const of: StackTunnel = { path, rdomain: 100, network: ip('10.1.0.0'), length: 16, overhead: 40, ...more };
  w.tunnels.push({ rdomain: 0, to: ip(to).join(), tunnel: of });
}

/** A Packet Too Big comes in about an outer packet to `sid` around `inner`. */
function tooBig(
  w: FakeWorld,
  mtu: number,
  sid = SID,
  inner = ipv4('10.0.0.1', '10.1.2.3', 17, new Uint8Array(1300), { df: true }),
): void {
  const message = icmp(2, 0, mtu, ipv6(OWN, sid, 4, inner).subarray(0, 1200));
  w.punt(CORE, ether(mac(CORE), mac(9), 0x86dd, ipv6(ROUTER, OWN, 58, sum6(ROUTER, OWN, 58, message))));
}

test('the lowest MTU of a path is believed for ten minutes and then forgotten', () => {
  const w = world();
  tooBig(w, 1400);
  w.pass(1000);
  tooBig(w, 1450);
  tooBig(w, 1400);
  tooBig(w, 1300);
  tooBig(w, 40);
  assert.deepEqual(w.limits.splice(0), [
    ['path', 1400],
    ['path', 1300],
    ['path', 1280],
  ]);
  w.pass(599_900);
  assert.deepEqual(w.limits, []);
  w.pass(100);
  assert.deepEqual(w.limits.splice(0), [['path', 0]]);
  tooBig(w, 1450);
  assert.deepEqual(w.limits, [['path', 1450]]);
});

test('of more paths than are remembered the oldest is forgotten', () => {
  const w = world();
  for (let n = 0; n <= MOST; n++) {
    tunnel(w, `fc00:2::${n.toString(16)}`, `path ${n}`);
    tooBig(w, 1400, `fc00:2::${n.toString(16)}`);
  }
  assert.deepEqual(w.limits.at(-1), ['path 0', 0]);
  assert.equal(w.limits.length, MOST + 2);
});

test('the sender is asked for in the domain of the tunnel, and told of what is left once the outer header is off', () => {
  const w = world();
  tooBig(w, 1300);
  // An ARP request for the tenant's host: the error waits for it.
  const [asked] = w.take();
  assert.equal(asked?.index, TENANT);
  tunnel(w, SID, 'path', { rdomain: 200 });
  tooBig(w, 1290);
  tunnel(w, 'fc00:3::', 'other', { network: ip('10.2.0.0') });
  tooBig(w, 1290, 'fc00:3::');
  assert.deepEqual(w.take(), [], 'whose it is must be certain');
});

test('a quoted packet that is none, or not from us, is nobody’s', () => {
  const w = world();
  const inner = ipv4('10.0.0.1', '10.1.2.3', 17, new Uint8Array(1300), { df: true });
  inner[10] ^= 1;
  tooBig(w, 1300, SID, inner);
  assert.deepEqual(w.take(), [], 'a wrong checksum');
  w.tunnels.splice(0);
  tooBig(w, 1200);
  assert.deepEqual(w.limits, [['path', 1300]]);
});
