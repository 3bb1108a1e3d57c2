/**
 * A provider edge without threads, for benches and tests of allocation: a core on memory port `core`, VRFs with routes by neighbours
 * on `tenant`, and the frames that cross it either way.
 */
import { addressWords } from '../../src/main/config/address.js';
import { newInterface, type RouteSpec, type State } from '../../src/main/config/state.js';
import { etherFrame } from './ip-frame.js';
import type { OfflineRouter } from './offline-router.js';
import { dt4, encapRoute, outer, srh } from './srv6-rig.js';
import { udpPacket } from './udp-packet.js';

const CORE = '02:ff:00:00:00:c0';
const TENANT = '02:ff:00:00:00:7e';
const FAR = '02:00:00:00:00:fe';
/** Bytes of an inner packet of 64 bytes behind its IP and UDP headers. */
const PAYLOAD = new Uint8Array(36);
/** First table of a VRF. */
const FIRST = 100;

/** SID of the VRF of tenant `n`, 0 and up, and the SID that its packets are sent to. */
const sidOf = (n: number): string => `fc00:12:${(n + 1).toString(16)}::6004`;
const FAR_SID = 'fc00:21:100::6004';

/** A route by a neighbour of the tenant port. */
function viaNeighbour(rdomain: number, n: number): RouteSpec {
  const gateways = [`10.0.${1 + (n >> 8)}.${n & 255}`];
  const network = `20.${n >> 8}.${n & 255}.0`;
  return {
    rdomain,
    family: 'inet',
    network,
    length: 24,
    kind: 'gateway',
    gateways,
    dev: `tenant${rdomain}`,
    metric: 0,
  };
}

/**
 * Adds a core port and `vrfs` VRFs with a tenant port each, of which `ports` are made (the others share the last one), and `routes`
 * routes each; neighbours are known.
 */
export async function addEdge(router: OfflineRouter, vrfs: number, routes: number): Promise<void> {
  await router.ifconfig(`mem0 create lladdr ${CORE} inet6 2001:db8:c::1/64 up`);
  await router.edit((draft) => {
    for (let n = 0; n < vrfs; n++) addTenant(draft.state, n, routes);
    const gateways = ['2001:db8:c::2'];
    const far = { rdomain: 0, family: 'inet6', network: 'fc00:21::', length: 32, kind: 'gateway', gateways } as const;
    draft.state.routes.push(
      { ...far, dev: '', metric: 0 },
      encapRoute(FIRST, '99.0.0.0/8', [FAR_SID], { mode: 'encap.red' }),
    );
    draft.state.routes.push(encapRoute(FIRST, '98.0.0.0/8', [FAR_SID]));
  });
  router.bindNeighbour('mem0', '2001:db8:c::2', Uint8Array.of(2, 0, 0, 0, 0, 0xfe));
  const tenant = router.table.get('mem1').index;
  for (let n = 0; n < routes; n++) {
    const gateway = addressWords(viaNeighbour(FIRST, n).gateways[0] as string);
    router.neighbours.bind(tenant, gateway, Uint8Array.of(2, 0, 1, 0, n >> 8, n & 255), false);
  }
}

/** All tenants leave by mem1, which is in the first one's domain; the others' routes name it. */
function addTenant(state: State, n: number, routes: number): void {
  const table = FIRST + n;
  const vrf = newInterface(`vrf-${table}`, 'vrf');
  Object.assign(vrf, { rdomain: table, up: true });
  state.interfaces.set(vrf.name, vrf);
  if (n === 0) {
    const port = newInterface('mem1', 'mem');
    Object.assign(port, { rdomain: table, up: true, master: vrf.name, lladdr: TENANT });
    port.addresses.push({ family: 'inet', address: '10.0.0.1', length: 16, destination: '' });
    state.interfaces.set('mem1', port);
  }
  for (let r = 0; r < routes; r++) state.routes.push({ ...viaNeighbour(table, r), dev: 'mem1' });
  state.routes.push(dt4(sidOf(n), table));
}

/** Frames of 64-byte packets from the core, one to each of `count` routes of as many VRFs in turn, with an SRH or without. */
export function coreFrames(vrfs: number, routes: number, count: number, withSrh: boolean): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => {
    const r = (n * 7919) % routes;
    const sid = sidOf((n * 31) % vrfs);
    const inner = udpPacket('10.9.0.1', `20.${r >> 8}.${r & 255}.9`, { payload: PAYLOAD });
    return etherFrame(CORE, FAR, 0x86dd, outer(sid, withSrh ? [srh([sid], 0)] : [], 4, inner), true);
  });
}

/** Frames of 64-byte packets from the first tenant, each of another flow, to what is behind the far edge: reduced or not. */
export function tenantFrames(count: number, reduced: boolean): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => {
    const to = `${reduced ? 99 : 98}.${n >> 8}.${n & 255}.9`;
    return etherFrame(TENANT, FAR, 0x0800, udpPacket(`10.0.9.${n & 255}`, to, { payload: PAYLOAD }), true);
  });
}
