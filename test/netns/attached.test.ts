/**
 * Interfaces of the host attached to a bridge, as an operator has them: words and refusals, what is left when the daemon is killed, links
 * that lose their carrier, go away and come back, and the kernel's counters beside ours.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Daemon } from '../support/daemon.js';
import { type Host, Lan, type PortKind } from '../support/hosts.js';
import { Netns, uniqueLinkName } from '../support/netns.js';
import { temporaryFolder, until } from '../support/programs.js';
import { skipReason } from '../support/require.js';
import { makeVeth } from '../support/veth.js';

const LIMIT_MS = 5000;

interface Link {
  readonly promiscuity: number;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly xdp?: unknown;
}

function ip(...words: string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** What `ip` says of a link of this namespace. */
function link(name: string): Link {
  return (JSON.parse(ip('-d', '-j', 'link', 'show', name)) as Link[])[0] as Link;
}

/** Asserts that nothing of ours is on a link: no promiscuous flag, no XDP program, and the host's own stack hears it again. */
async function untouched(host: Host): Promise<void> {
  await until('the link is as it was', LIMIT_MS, () => {
    const { promiscuity, xdp } = link(host.tap);
    return promiscuity === 0 && xdp === undefined;
  });
  ip('address', 'add', '198.18.0.99/24', 'dev', host.tap);
  const heard = (): boolean =>
    host.netns.exec(['ping', '-c', '1', '-W', '1', '198.18.0.99'], { check: false }).includes(' 1 received');
  await until('the stack hears the host again', LIMIT_MS, heard);
  ip('address', 'del', '198.18.0.99/24', 'dev', host.tap);
}

/** A counter of a link as its namespace's kernel keeps it. */
function kernelCounter(host: Host, name: string): number {
  return Number(host.netns.exec(['cat', `/sys/class/net/${host.tap}/statistics/${name}`]));
}

for (const kind of ['packet', 'xdp'] as const) {
  describe(`interfaces attached as ${kind}`, { skip: skipReason.root() }, () => {
    let lan: Lan;
    const kinds: PortKind[] = [kind, kind];

    before(async () => {
      lan = await Lan.start(`att-${kind}`, { hosts: 2, kinds, workers: 2 });
    });
    after(async () => {
      await lan?.stop();
    });

    const status = async (host: Host): Promise<string> => lan.daemon.run('ifconfig', host.tap);
    const running = async (host: Host): Promise<boolean> => (await status(host)).includes('status: active');
    const pings = async (): Promise<void> => {
      const [a, b] = lan.hosts as [Host, Host];
      await until('a ping', LIMIT_MS, () => lan.ping(a, b.v4, '-c', '1', '-W', '1').received === 1);
      assert.deepEqual(lan.ping(a, b.v6), { sent: 3, received: 3 });
    };

    it('shows how it is driven, has the link address and MTU, and prints what loads again', async () => {
      const [a] = lan.hosts as [Host, Host];
      await pings();
      const text = await status(a);
      assert.match(
        text,
        kind === 'packet' ? /media: AF_PACKET ring, 2 sockets/ : /media: AF_XDP driver mode, copy, 1 queue/,
      );
      assert.match(text, /mtu 1500/);
      const mac = readFileSync(`/sys/class/net/${a.tap}/address`, 'utf8').trim();
      assert.ok(text.includes(`lladdr ${mac}`), text);
      const lines = (await lan.daemon.run('show', 'running')).trim().split('\n');
      assert.ok(lines.includes(`ifconfig ${a.tap} attach ${kind}`), lines.join('\n'));
      lan.daemon.configure(lines);
      await lan.daemon.run('reload');
      assert.deepEqual(lan.ping(a, (lan.hosts[1] as Host).v4), { sent: 3, received: 3 });
    });

    it('frames do not reach the host that lends the interface', async () => {
      const [a] = lan.hosts as [Host, Host];
      ip('address', 'add', '198.18.0.77/24', 'dev', a.tap);
      const heard = lan.ping(a, '198.18.0.77', '-c', '1', '-W', '1');
      ip('address', 'del', '198.18.0.77/24', 'dev', a.tap);
      assert.equal(heard.received, 0);
    });

    it('refuses what cannot be attached, and says why', async () => {
      const [a] = lan.hosts as [Host, Host];
      const refused = (words: string, pattern: RegExp): Promise<void> =>
        assert.rejects(lan.daemon.run('ifconfig', ...words.split(' ')), pattern);
      await refused(`nosuch0 attach ${kind}`, /no such interface.*\(ENXIO\)/);
      await refused(`lo attach ${kind}`, /not an Ethernet interface \(EPROTONOSUPPORT\)/);
      await refused(`${a.tap} attach ${kind}`, /already attached \(EBUSY\)/);
      await refused(`${a.tap} destroy`, /detach gives it back \(EINVAL\)/);
      assert.equal((await lan.daemon.run('ifconfig')).includes('nosuch0'), false);
      await pings();
    });

    it('the kernel has counted the same frames', async () => {
      const [a, b] = lan.hosts as [Host, Host];
      await pings();
      const ours = async (host: Host): Promise<{ ipackets: number; opackets: number }> => {
        const [found] = await lan.daemon.json<{ counters: { ipackets: number; opackets: number } }[]>(
          'ifconfig',
          host.tap,
        );
        return (found as { counters: { ipackets: number; opackets: number } }).counters;
      };
      const look = async (): Promise<number[]> => {
        const both = [await ours(a), await ours(b)];
        const theirs = [a, b].map((host) => kernelCounter(host, 'tx_packets'));
        const got = [a, b].map((host) => kernelCounter(host, 'rx_packets'));
        return [
          ...both.map((c, n) => c.ipackets - (theirs[n] as number)),
          ...both.map((c, n) => c.opackets - (got[n] as number)),
        ];
      };
      await lan.daemon.books();
      const was = await look();
      a.netns.exec(['ping', '-q', '-f', '-c', '2000', '-s', '1000', b.v4], { timeoutMs: 20_000 });
      await lan.daemon.books();
      await until('the counters agree', LIMIT_MS, async () => JSON.stringify(await look()) === JSON.stringify(was));
      const { ipackets } = await ours(a);
      assert.ok(ipackets >= 2000, `${ipackets} frames`);
    });

    it('follows the carrier of its link', async () => {
      const [a] = lan.hosts as [Host, Host];
      a.netns.exec(['ip', 'link', 'set', a.tap, 'down']);
      await until('no carrier', LIMIT_MS, async () => !(await running(a)));
      a.netns.exec(['ip', 'link', 'set', a.tap, 'up']);
      a.netns.exec(['ip', 'address', 'replace', `${a.v6}/64`, 'dev', a.tap, 'nodad']);
      await until('the carrier is back', LIMIT_MS, () => running(a));
      await pings();
    });

    it('follows the MTU of its link, and sets it', async () => {
      const [a, b] = lan.hosts as [Host, Host];
      ip('link', 'set', a.tap, 'mtu', '1400');
      await until('the MTU is seen', LIMIT_MS, async () => (await status(a)).includes('mtu 1400'));
      for (const host of [a, b]) {
        await lan.daemon.run('ifconfig', host.tap, 'mtu', '3000');
        host.netns.exec(['ip', 'link', 'set', host.tap, 'mtu', '3000']);
        assert.equal(link(host.tap).mtu, 3000);
      }
      await until('the new MTU carries', LIMIT_MS, async () => (await running(a)) && (await running(b)));
      await until(
        'a long ping',
        LIMIT_MS,
        () => lan.ping(a, b.v4, '-c', '1', '-W', '1', '-M', 'do', '-s', '2900').received === 1,
      );
      if (kind === 'xdp') assert.match(await status(a), /multi-buffer/);
      await lan.daemon.books();
    });

    it('goes away with its link and comes back with it, and the rest forwards on', async () => {
      const [a, b] = lan.hosts as [Host, Host];
      ip('link', 'del', a.tap);
      await until('its loss is told', LIMIT_MS, () => lan.daemon.find('link-lost') !== undefined);
      assert.equal(await running(a), false);
      assert.equal((await status(a)).includes('media:'), false, 'nothing drives it');
      assert.equal(await running(b), true);
      ip('link', 'add', a.tap, 'type', 'veth', 'peer', 'name', a.tap, 'netns', a.netns.name);
      lan.dress(a);
      await until('it is back', LIMIT_MS, () => running(a));
      // What the bridge learned of the old address is forgotten with the first frame of the new one.
      await until('a ping', LIMIT_MS, () => lan.ping(a, b.v4, '-c', '1', '-W', '1').received === 1);
      const metrics = await lan.daemon.metrics();
      assert.ok((metrics.get(`smrouter_interface_link_losses_total{interface="${a.tap}"}`) ?? 0) >= 1);
      await lan.daemon.books();
    });

    it('detach gives it back, and it can be attached again', async () => {
      const [a] = lan.hosts as [Host, Host];
      await lan.daemon.run('ifconfig', a.tap, 'detach');
      await untouched(a);
      await lan.daemon.run('ifconfig', a.tap, 'attach', kind, 'up');
      await lan.daemon.run('ifconfig', 'veb0', 'add', a.tap);
      await pings();
      await lan.daemon.books();
    });

    it('nothing of it is left when the daemon is killed', async () => {
      lan.daemon.signal('SIGKILL');
      await lan.daemon.exited();
      for (const host of lan.hosts) await untouched(host);
    });
  });
}

describe('an interface that another program has', { skip: skipReason.root() }, () => {
  it('XDP is refused while another daemon has the interface, with the remedy', async () => {
    const netns = Netns.create('taken');
    const veth = makeVeth(netns);
    const lines = [`ifconfig ${veth.name} attach xdp`];
    const first = await Daemon.start({ config: lines });
    const second = await Daemon.start({ config: [] });
    try {
      await assert.rejects(second.run('ifconfig', veth.name, 'attach', 'xdp'), /ip link set dev .* xdp off.*\(EBUSY\)/);
      await first.run('ifconfig', veth.name, 'detach');
      await second.run('ifconfig', veth.name, 'attach', 'xdp');
    } finally {
      assert.equal(await first.stop(), 0);
      assert.equal(await second.stop(), 0);
      netns.destroy();
      veth.remove();
    }
  });

  it('queues are dealt to the workers, and each says which it has', async () => {
    const netns = Netns.create('queues');
    const veth = makeVeth(netns, 4);
    const daemon = await Daemon.start({
      workers: 2,
      config: [`ifconfig ${veth.name} attach xdp up`, 'ifconfig mem0 create'],
    });
    try {
      const rows = await daemon.json<{ queues: string; cpus: string }[]>('show', 'workers');
      const queues = rows.map((row) => row.queues.split(' ').filter((queue) => queue.startsWith(veth.name)));
      assert.deepEqual(queues, [[0, 2].map((n) => `${veth.name}:${n}`), [1, 3].map((n) => `${veth.name}:${n}`)]);
      // The next goes to whoever has fewest.
      const single = makeVeth(netns);
      await daemon.run('ifconfig', veth.name, 'detach');
      await daemon.run('ifconfig', veth.name, 'attach', 'packet', 'up');
      await daemon.run('ifconfig', single.name, 'attach', 'xdp', 'up');
      const now = await daemon.json<{ queues: string }[]>('show', 'workers');
      assert.deepEqual(
        now.map((row) => row.queues.split(' ').filter((queue) => queue.startsWith('smr')).length),
        [2, 1],
      );
      await daemon.run('ifconfig', single.name, 'detach');
      single.remove();
      await daemon.run('sysctl', 'smrouter.cpus=0');
      const pinned = await daemon.json<{ cpus: string }[]>('show', 'workers');
      assert.deepEqual(
        pinned.map((row) => row.cpus),
        ['0', '0'],
      );
      await assert.rejects(daemon.run('sysctl', 'smrouter.cpus=999'), /EINVAL/);
      assert.equal((await daemon.run('sysctl', 'smrouter.cpus')).trim(), 'smrouter.cpus=0');
    } finally {
      assert.equal(await daemon.stop(), 0);
      netns.destroy();
      veth.remove();
    }
  });

  it('takes three capabilities and locked memory, and says which of them is missing', async () => {
    const netns = Netns.create('caps');
    const veth = makeVeth(netns);
    const all = ['net_admin', 'net_raw', 'bpf'];
    const tries: readonly (readonly [string, readonly string[], string, RegExp | undefined])[] = [
      ['packet', ['net_admin', 'bpf'], '', /CAP_NET_RAW.*\(EPERM\)/],
      ['packet', ['net_admin', 'net_raw'], '', /CAP_BPF.*\(EPERM\)/],
      ['packet', all, '', undefined],
      ['xdp', ['net_admin', 'net_raw'], '', /CAP_BPF.*\(EPERM\)/],
      ['xdp', ['net_admin', 'bpf'], '', /CAP_NET_RAW.*\(EPERM\)/],
      ['xdp', all, '65536', /LimitMEMLOCK=infinity/],
      ['xdp', all, '', undefined],
    ];
    try {
      for (const [kind, capabilities, memlock, expected] of tries) {
        // As much memory as the usual limit allows: 2 MiB.
        const under = memlock === '' ? [] : ['prlimit', `--memlock=${memlock}:${memlock}`];
        const config = ['sysctl smrouter.frames=1024'];
        const daemon = await Daemon.start({ config, as: { uid: 65_534, capabilities }, under });
        try {
          const attached = daemon.run('ifconfig', veth.name, 'attach', kind);
          if (expected === undefined) await attached;
          else await assert.rejects(attached, expected, `${kind} with ${capabilities}, ${memlock}`);
        } finally {
          assert.equal(await daemon.stop(), 0);
        }
      }
    } finally {
      netns.destroy();
      veth.remove();
    }
  });

  it('a daemon that takes over attaches them again', async () => {
    const netns = Netns.create('over');
    const veths = [makeVeth(netns), makeVeth(netns)] as const;
    const config = [`ifconfig ${veths[0].name} attach xdp up`, `ifconfig ${veths[1].name} attach packet up`];
    const socket = join(temporaryFolder(), 'sock');
    const first = await Daemon.start({ config, socket, workers: 1 });
    const second = await Daemon.start({ config, socket, workers: 1, args: ['--takeover'] });
    try {
      assert.equal(await first.exited(), 0);
      for (const { name } of veths)
        await until('it has a carrier', LIMIT_MS, async () =>
          /status: active/.test(await second.run('ifconfig', name)),
        );
      assert.deepEqual(second.complaints(), []);
    } finally {
      await first.stop();
      assert.equal(await second.stop(), 0);
      netns.destroy();
      for (const veth of veths) veth.remove();
    }
  });

  it('a name of any form is the host’s own', async () => {
    const netns = Netns.create('names');
    const name = `w-${uniqueLinkName()}`.slice(0, 15);
    ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'p', 'netns', netns.name);
    const daemon = await Daemon.start({ config: [`ifconfig ${name} attach packet up`] });
    try {
      assert.match(await daemon.run('ifconfig', name), /groups: packet/);
    } finally {
      assert.equal(await daemon.stop(), 0);
      netns.destroy();
    }
  });
});
