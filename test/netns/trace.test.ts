/**
 * `smrctl trace` on TAPs of the kernel, whose bursts stay the worker's: what it tells of a ping in a flood of them, of which it loses none.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { type Host, Lan } from '../support/hosts.js';
import { runProgram } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const skip = skipReason.tun() || skipReason.program('tcpdump');

describe('smrctl trace on a bridge of TAPs', { skip }, () => {
  let lan: Lan;
  const hosts = (): [Host, Host] => lan.hosts as unknown as [Host, Host];

  before(async () => {
    lan = await Lan.start('trace', { hosts: 2 });
    const [from, to] = hosts();
    assert.ok(lan.ping(from, to.v4).received > 0);
  });
  after(async () => {
    assert.equal(await lan?.stop(), 0);
  });

  it('follows frames among others, and none of them is lost', async () => {
    const [from, to] = hosts();
    const words = ['-q', '-n', '-i', '0.002', '-s', '1400', to.v4];
    const ping = spawn('ip', ['netns', 'exec', from.netns.name, 'ping', ...words]);
    let summary = '';
    ping.stdout.setEncoding('utf8').on('data', (text: string) => {
      summary += text;
    });
    const pinged = once(ping, 'close');
    const trace = ['-s', lan.daemon.socket, 'trace', '-i', 'veb0', '-c', '20', 'icmp[0] = 8'];
    const { stdout, stderr, status } = await runProgram('smrctl', trace);
    if (status !== 0) ping.kill('SIGINT');
    assert.equal(status, 0, stderr);
    const blocks = stdout.trimEnd().split(/\n(?=\d)/);
    assert.equal(blocks.length, 20);
    for (const block of blocks) {
      const [head, ...lines] = block.split('\n');
      const ends = `${lan.mac(from)} > ${lan.mac(to)} IPv4 ${from.v4} > ${to.v4} ICMP ttl 64`;
      assert.ok((head as string).endsWith(`${from.tap} length 1442: ${ends}`), head);
      assert.deepEqual(lines, [
        `    bridge veb0, by port ${from.tap}`,
        `    source: known, behind ${from.tap}`,
        `    destination: behind ${to.tap}`,
        `    leaves by ${to.tap}, to ${lan.mac(to)}`,
      ]);
    }
    ping.kill('SIGINT');
    await pinged;
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(summary) ?? [];
    // The last one may be under way.
    assert.ok(Number(sent) >= 20 && Number(sent) - Number(received) <= 1, summary);
    await lan.daemon.books();
  });
});
