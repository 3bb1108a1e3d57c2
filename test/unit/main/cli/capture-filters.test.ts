/** Mistakes in the capture filters of a configuration, told with their place (main/cli/capture-filters.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFilters } from '../../../../src/main/cli/capture-filters.js';
import { readConfig } from '../../../../src/main/cli/command.js';
import { skipReason } from '../../../support/require.js';

const check = (...lines: string[]): Promise<void> => {
  const text = lines.join('\n');
  return checkFilters('f.conf', text, readConfig('f.conf', text));
};
const INTERFACES = ['ifconfig mem0 create', 'ifconfig rport0 create'];

test('a filter that libpcap refuses is the mistake of its line; the link type is that of the interface', {
  skip: skipReason.program('tcpdump'),
}, async () => {
  await check(...INTERFACES, 'capture mem0 file /tmp/a.pcap filter "udp port 53"');
  const wrong = [
    ...INTERFACES,
    '',
    'capture mem0 file /tmp/b.pcap',
    'capture mem0 file /tmp//a.pcap filter "udp prt 53"',
  ];
  await assert.rejects(check(...wrong), { name: 'Error', message: /^f\.conf:5: filter: .*syntax error/ });
  await check(...wrong, 'capture mem0 file /tmp/a.pcap filter udp');
  await check(...INTERFACES, 'capture mem0 file /tmp/a.pcap filter "ether src 2:0:0:0:0:1"');
  const loop = 'capture rport0 file /tmp/a.pcap filter "ether src 2:0:0:0:0:1"';
  await assert.rejects(check(...INTERFACES, loop), { message: /^f\.conf:3: filter: / });
});

test('without a tcpdump, a line with a filter is the mistake', async (t) => {
  const { PATH } = process.env;
  t.after(() => {
    process.env.PATH = PATH;
  });
  process.env.PATH = '/nonexistent';
  await check(...INTERFACES, 'capture mem0 file /tmp/a.pcap');
  await assert.rejects(check(...INTERFACES, 'capture mem0 file /tmp/a.pcap filter udp'), {
    message: /^f\.conf:3: filter: .*install the package tcpdump/,
  });
});
