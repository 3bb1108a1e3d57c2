/**
 * Topologies B and C (spec B §4.2, §4.3; rows B58, B64, B73): four routers in a full mesh, policies with End in between and End.DT46 at the
 * end, reduced encapsulation; and PSP, here with encapsulation, since there is no insertion. What is on each link is looked at.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { until } from '../support/programs.js';
import { skipReason } from '../support/require.js';
import { Mesh } from '../support/srv6-mesh.js';

const ROUTERS = [1, 2, 3, 4] as const;
const linkOf = (x: number, y: number): string => `l${Math.min(x, y)}${Math.max(x, y)}`;
const netOf = (x: number, y: number): string => `fcf0:0:${Math.min(x, y)}:${Math.max(x, y)}`;
const others = (x: number): number[] => ROUTERS.filter((y) => y !== x);

/** The first packets of a link as seen from its middle: destination, and the SRH's last entry and segments left. */
interface Seen {
  readonly to: string;
  readonly srh: { readonly lastEntry: number; readonly segmentsLeft: number } | undefined;
}

describe('topologies B and C', { skip: skipReason.tun() }, () => {
  let mesh: Mesh;

  before(async () => {
    mesh = new Mesh();
    await Promise.all(ROUTERS.map((x) => mesh.router(`rt${x}`)));
    for (const x of ROUTERS) for (const y of others(x)) if (x < y) await mesh.link(linkOf(x, y), `rt${x}`, `rt${y}`);
    for (const x of ROUTERS) await mesh.host(`h${x}`, `rt${x}`, `10.0.0.${x}/24`, `cafe::${x}/64`);
    const one = (to: string, segs: string): string => {
      const [family, prefix] = to.includes(':') ? ['-6', `${to}/128`] : ['-4', `${to}/32`];
      return `ip ${family} route add ${prefix} vrf vrf-100 encap seg6 mode encap.red segs ${segs} dev vrf-100`;
    };
    const policies: Record<number, string[]> = {
      1: [one('cafe::2', 'fcff:3::e,fcff:4::e,fcff:2::d46'), one('10.0.0.2', 'fcff:2::d46')],
      2: [one('cafe::1', 'fcff:1::d46'), one('10.0.0.1', 'fcff:4::e,fcff:3::e,fcff:1::d46')],
      3: [one('cafe::4', 'fcff:2::e,fcff:4::d46')],
      4: [one('cafe::3', 'fcff:1::e,fcff:3::d46')],
    };
    await Promise.all(
      ROUTERS.map((x) =>
        mesh.run(
          `rt${x}`,
          'ip link add vrf-100 type vrf table 100',
          'ip link set vrf-100 up',
          'ip route add unreachable default metric 4278198272 vrf vrf-100',
          'ip -6 route add unreachable default metric 4278198272 vrf vrf-100',
          ...others(x).flatMap((y) => [
            `ip -6 addr add ${netOf(x, y)}::${x}/64 dev {${linkOf(x, y)}}`,
            `ip -6 route add fcff:${y}::/32 table 90 via ${netOf(x, y)}::${y} dev {${linkOf(x, y)}}`,
          ]),
          'ip -6 rule add to fcff::/16 lookup 90 prio 999',
          `ip link set {h${x}} master vrf-100`,
          `ip addr add 10.0.0.254/24 dev {h${x}}`,
          `ip -6 addr add cafe::254/64 dev {h${x}}`,
          `sysctl -wq net.ipv4.conf.{h${x}}.proxy_arp=1`,
          `sysctl -wq net.ipv6.conf.{h${x}}.proxy_ndp=1`,
          'sysctl -wq net.vrf.strict_mode=1',
          `ip -6 route add fcff:${x}::e table 90 encap seg6local action End dev vrf-100`,
          `ip -6 route add fcff:${x}::ef1 table 90 encap seg6local action End flavors psp dev vrf-100`,
          `ip -6 route add fcff:${x}::d46 table 90 encap seg6local action End.DT46 vrftable 100 count dev vrf-100`,
          ...(policies[x] as string[]),
        ),
      ),
    );
    await until('the mesh knows itself', 20_000, async () => (await neighbours()).every(Boolean));
  });

  after(async () => {
    assert.deepEqual(await mesh?.stop(), [0, 0, 0, 0]);
  });

  /** Whether each router reaches each other one. */
  const neighbours = (): Promise<boolean[]> =>
    Promise.all(
      ROUTERS.flatMap((x) =>
        others(x).map(async (y) => {
          const printed = await mesh
            .get(`rt${x}`)
            .daemon.run('ping', '-c', '1', `${netOf(x, y)}::${y}`)
            .catch(() => '');
          return / 1 packets received/.test(printed);
        }),
      ),
    );

  /** What goes over each link towards SIDs while `h1` sends one ping to `to`, which is answered. */
  async function watch(to: string, ...links: readonly string[]): Promise<Seen[]> {
    const seen = links.map(async (link) => {
      const filter = 'ip6 and dst net fcff::/16';
      const child = mesh.core.spawn(['tcpdump', '-n', '-l', '-x', '-c', '1', '-i', link, filter]);
      let [out, errors] = ['', ''];
      child.stdout?.on('data', (chunk: Buffer) => {
        out += chunk;
      });
      child.stderr?.on('data', (chunk: Buffer) => {
        errors += chunk;
      });
      await until('tcpdump listens', 10_000, () => /listening on/.test(errors));
      return () => until(`a packet on ${link}`, 10_000, () => (/0x0040/.test(out) ? parse(out) : undefined));
    });
    const wait = await Promise.all(seen);
    assert.deepEqual(await mesh.pings([['h1', to]], 4), [0]);
    return Promise.all(wait.map((one) => one()));
  }

  it('routers reach each other, hosts their gateways', async () => {
    assert.ok((await neighbours()).every(Boolean));
    const gateways = ROUTERS.flatMap((x): [string, string][] => [
      [`h${x}`, '10.0.0.254'],
      [`h${x}`, 'cafe::254'],
    ]);
    assert.deepEqual(await mesh.pings(gateways, 4), new Array(8).fill(0));
  });

  it('B73 hosts with a policy reach each other, the others do not', async () => {
    const answered: [string, string][] = [
      ['h1', '10.0.0.2'],
      ['h2', '10.0.0.1'],
      ['h1', 'cafe::2'],
      ['h2', 'cafe::1'],
      ['h3', 'cafe::4'],
      ['h4', 'cafe::3'],
    ];
    assert.deepEqual(await mesh.pings(answered, 4), new Array(6).fill(0));
    const silent = ROUTERS.flatMap((x) =>
      others(x).flatMap((y): [string, string][] => [
        [`h${x}`, `10.0.0.${y}`],
        [`h${x}`, `cafe::${y}`],
      ]),
    ).filter(([from, to]) => !answered.some(([a, b]) => a === from && b === to));
    assert.equal(silent.length, 18);
    assert.deepEqual(await mesh.pings(silent, 2), new Array(18).fill(1));
  });

  it('B64 the first segment is only in the destination; one segment has no SRH', async () => {
    const [first, second, third] = await watch('cafe::2', 'l13', 'l34', 'l24');
    assert.deepEqual(first, { to: 'fcff:3::e', srh: { lastEntry: 1, segmentsLeft: 2 } });
    assert.deepEqual(second, { to: 'fcff:4::e', srh: { lastEntry: 1, segmentsLeft: 1 } });
    assert.deepEqual(third, { to: 'fcff:2::d46', srh: { lastEntry: 1, segmentsLeft: 0 } });
  });

  it('B58 PSP takes the SRH away where the last segment becomes active, and only there', async () => {
    const policy = (segs: string): Promise<void> =>
      mesh.run('rt1', `ip -6 route replace cafe::2/128 vrf vrf-100 encap seg6 mode encap segs ${segs} dev vrf-100`);
    await policy('fcff:3::ef1,fcff:4::ef1,fcff:2::d46');
    const [first, second, third] = await watch('cafe::2', 'l13', 'l34', 'l24');
    assert.deepEqual(first, { to: 'fcff:3::ef1', srh: { lastEntry: 2, segmentsLeft: 2 } });
    assert.deepEqual(second, { to: 'fcff:4::ef1', srh: { lastEntry: 2, segmentsLeft: 1 } });
    assert.deepEqual(third, { to: 'fcff:2::d46', srh: undefined });
  });

  it('the books hold, nobody complains', async () => {
    for (const { daemon } of mesh.routers.values()) {
      await daemon.books();
      assert.deepEqual(daemon.complaints(), []);
    }
  });
});

/** The outer header in tcpdump's hexadecimal lines. */
function parse(text: string): Seen {
  const rows = [...text.matchAll(/0x[0-9a-f]{4}: {2}([0-9a-f ]+)/g)].map(([, row = '']) => row.replaceAll(' ', ''));
  const bytes = Buffer.from(rows.join(''), 'hex');
  const groups = Array.from({ length: 8 }, (_, n) => bytes.readUInt16BE(24 + 2 * n).toString(16));
  const to = groups.join(':').replace(/(:0)+:/, '::');
  return {
    to,
    srh: bytes[6] === 43 ? { lastEntry: bytes[44] as number, segmentsLeft: bytes[43] as number } : undefined,
  };
}
