/**
 * The status page in a real browser, and `smrctl top` on a terminal's worth of columns: both drawn from a running daemon.
 * SMROUTER_SCREENSHOT=FILE keeps the picture (docs/status-page.png is made so).
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Status } from '../../src/main/status.js';
import { Lan } from '../support/hosts.js';
import { temporaryFolder } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const CHROMIUM = '/usr/bin/chromium';
const BROWSER_MS = 60_000;
/** On the browser's clock, which stands while it waits for an answer and jumps to the next timer otherwise. */
const PAGE_MS = Number(process.env.SMROUTER_SCREENSHOT_MS ?? 60_000);

/** Runs Chromium on a page to its end. */
async function browse(url: string, ...args: string[]): Promise<string> {
  const profile = `--user-data-dir=${temporaryFolder()}`;
  const quiet = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
  const more = ['--disable-component-update', '--disable-sync', '--disable-quic', '--hide-scrollbars', profile];
  const wait = `--virtual-time-budget=${PAGE_MS}`;
  const options = { timeout: BROWSER_MS, killSignal: 'SIGKILL', maxBuffer: 8 << 20 } as const;
  const { stdout } = await promisify(execFile)(CHROMIUM, [...quiet, ...more, wait, ...args, url], options);
  return stdout;
}

describe('what an operator looks at', { skip: skipReason.tun() }, () => {
  let lan: Lan;

  before(async () => {
    lan = await Lan.start('page', {
      hosts: 2,
      lines: [
        'ifconfig vport0 create inet 198.18.0.254/24 up',
        'ifconfig vport1 create rdomain 1 inet 198.18.0.253/24 up',
        'ifconfig veb0 add vport0 add vport1',
        'ifconfig rport0 create',
        'ifconfig rport1 create rdomain 1 parent rport0 up',
        'ifconfig rport0 inet 198.18.9.1/32 198.18.9.2 up',
        'ifconfig mem0 create description "<b>spare</b>"',
      ],
    });
    lan.ping(lan.hosts[0] as never, '198.18.0.2', '-c', '20', '-i', '0.01');
  });
  after(async () => assert.equal(await lan?.stop(), 0));

  it('status.json has what the counters have', async () => {
    const answer = await fetch(`${lan.daemon.origin}/status.json`);
    const status = (await answer.json()) as Status;
    assert.equal(status.ready, true);
    const tap = status.interfaces.find((i) => i.name === lan.hosts[0]?.tap);
    assert.ok(tap !== undefined && tap.ipackets >= 20 && tap.running && tap.veb === 'veb0');
    assert.equal(status.interfaces.find((i) => i.name === 'rport1')?.peer, 'rport0');
    assert.deepEqual(status.interfaces.find((i) => i.name === 'vport1')?.addresses, ['198.18.0.253/24']);
    const drops = await lan.daemon.json<{ interface: string; reason: string }[]>('show', 'drops');
    assert.deepEqual(
      status.drops.map((d) => `${d.interface} ${d.reason}`),
      drops.map((d) => `${d.interface} ${d.reason}`),
    );
  });

  it('the page loads nothing from elsewhere', async () => {
    const page = await fetch(`${lan.daemon.origin}/`);
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'self'/);
    for (const file of ['', 'page.css', 'page.js', 'svg.js', 'topology.js']) {
      const answer = await fetch(`${lan.daemon.origin}/${file}`);
      assert.equal(answer.status, 200);
      const links = (await answer.text()).match(/(https?:)?\/\/[\w.]+\.\w+\S*/g) ?? [];
      assert.deepEqual(
        links.filter((l) => !l.includes('www.w3.org/2000/svg')),
        [],
        file,
      );
    }
  });

  const browser = existsSync(CHROMIUM) ? false : `needs ${CHROMIUM} (package chromium)`;

  it('a browser shows interfaces, topology, drops and workers', { skip: browser }, async () => {
    const dom = await browse(`${lan.daemon.origin}/`, '--dump-dom');
    assert.match(dom, /<span id="state" class="pill good">forwarding<\/span>/);
    const rows = (id: string): string => new RegExp(`id="${id}"[^]*?</section>`).exec(dom)?.[0] ?? '';
    for (const { tap } of lan.hosts) {
      assert.match(rows('interfaces'), new RegExp(`<td>${tap}</td>`));
      assert.match(rows('topology'), new RegExp(`<text[^>]*>${tap}</text>`));
    }
    assert.match(rows('topology'), />rdomain 1</);
    assert.equal((rows('topology').match(/class="link"/g) ?? []).length, 3, 'two vports, one pair of rports');
    assert.match(rows('workers'), />forwarding</);
    assert.match(rows('traffic'), /<polyline/);
    // A description is text, whatever it says.
    assert.match(rows('interfaces'), /&lt;b&gt;spare&lt;\/b&gt;/);
  });

  it('a browser takes a picture of it', { skip: browser }, async () => {
    // Something to see: packets that are forwarded, and some that nobody takes.
    for (const target of ['198.18.0.2', '198.18.0.254', '198.18.0.77'])
      lan.hosts[0]?.netns.spawn(['ping', '-q', '-i', '0.02', target]);
    const file = process.env.SMROUTER_SCREENSHOT ?? join(temporaryFolder(), 'page.png');
    await browse(`${lan.daemon.origin}/`, '--window-size=1280,1240', `--screenshot=${file}`);
    const png = readFileSync(file);
    assert.equal(png.subarray(1, 4).toString(), 'PNG');
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [1280, 1240]);
  });

  it('smrctl top draws screens of 80 columns', async () => {
    const { status, stdout } = await lan.daemon.ctl('top', '-d', '0.2', '-n', '2');
    assert.equal(status, 0);
    const lines = stdout.split('\n');
    assert.equal(lines.filter((line) => line.startsWith('forwarding   up ')).length, 2);
    assert.ok(lines.every((line) => line.length <= 80));
    assert.ok(lines.some((line) => line.startsWith('rport1')));
  });

  it('smrctl top: options that are wrong', async () => {
    const { status, stderr } = await lan.daemon.ctl('top', '-n', 'many');
    assert.deepEqual([status, stderr.startsWith('smrctl: top -n many: -n many: top takes')], [1, true]);
  });
});
