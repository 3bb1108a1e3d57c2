/** The link-local address of an interface: literal values of RFC 4291 appendix A and of Linux. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allAddresses } from '../../../../src/main/config/link-local.js';
import { type AddressSpec, type InterfaceType, newInterface } from '../../../../src/main/config/state.js';

const GLOBAL: AddressSpec = { family: 'inet6', address: '2001:db8::1', length: 64, destination: '' };
const IPV4: AddressSpec = { family: 'inet', address: '192.0.2.1', length: 24, destination: '' };

function addresses(type: InterfaceType, ...given: AddressSpec[]): string[] {
  const spec = newInterface('if0', type);
  spec.addresses.push(...given);
  return allAddresses(spec, '02:00:00:00:0a:fe').map((a) => `${a.address}/${a.length}`);
}

test('an interface with an IPv6 address has a link-local one of its own, first', () => {
  for (const type of ['tap', 'mem', 'vport'] as const) {
    assert.deepEqual(addresses(type, IPV4, GLOBAL), ['fe80::ff:fe00:afe/64', '192.0.2.1/24', '2001:db8::1/64']);
  }
});

test('it has none without IPv6, without a link-layer address, or where another was given', () => {
  assert.deepEqual(addresses('tap', IPV4), ['192.0.2.1/24']);
  assert.deepEqual(addresses('rport', GLOBAL), ['2001:db8::1/64']);
  assert.deepEqual(addresses('lo', GLOBAL), ['2001:db8::1/64']);
  const given: AddressSpec = { ...GLOBAL, address: 'fe80::1' };
  assert.deepEqual(addresses('tap', GLOBAL, given), ['2001:db8::1/64', 'fe80::1/64']);
});
