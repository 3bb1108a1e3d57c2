/** Where the routes of a prefix are (main/config/route-index.ts): always as a walk of the list says, whatever happened to it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { placesOf } from '../../../../src/main/config/route-index.js';
import type { RouteSpec } from '../../../../src/main/config/state.js';

function route(n: number): RouteSpec {
  return {
    ...{ rdomain: n & 1, family: 'inet', network: `10.${n >> 1}.0.0`, length: 16, metric: 0 },
    ...{ kind: 'reject', gateways: [], dev: '' },
  };
}

const change = fc.oneof(
  fc.tuple(fc.constant('push' as const), fc.nat({ max: 7 })),
  fc.tuple(fc.constant('remove' as const), fc.nat({ max: 40 })),
  fc.tuple(fc.constant('again' as const), fc.nat({ max: 40 })),
  fc.tuple(fc.constant('look' as const), fc.nat({ max: 7 })),
);

test('the places are those of a walk', () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60, size: 'max' }), (changes) => {
      const routes: RouteSpec[] = [];
      for (const [how, n] of changes) {
        if (how === 'push') routes.push(route(n));
        else if (how === 'remove') routes.splice(n % (routes.length + 1), 1);
        else if (how === 'again' && routes.length > 0) {
          const at = n % routes.length;
          routes[at] = { ...(routes[at] as RouteSpec) };
        } else {
          const { rdomain, network, length } = route(n);
          const places = routes.flatMap((r, at) => (r.rdomain === rdomain && r.network === network ? [at] : []));
          assert.deepEqual(placesOf(routes, { rdomain, network, length }), places);
          found += places.length;
        }
      }
    }),
    { seed: 20261121, numRuns: 2000 },
  );
  assert.ok(found > 1000, `${found}`);
});
