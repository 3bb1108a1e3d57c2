/**
 * A crowd of clients for a bounded time.
 * usage: node crowd.js scrapes|slow ORIGIN SOCKET SECONDS
 *
 * `scrapes`: a thousand scrapes of /metrics at once, again and again. `slow`: connections to both listeners that send a request byte by byte.
 */
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { RawClients } from '../support/raw-clients.js';

const SCRAPERS = 1000;
const SLOW = 300;
const DRIP_MS = 20;

const [kind = '', origin = '', socket = '', seconds = '1'] = process.argv.slice(2);
const end = performance.now() + Number(seconds) * 1000;

function scrape(agent: Agent): Promise<void> {
  return new Promise((resolve) => {
    const call = get(`${origin}/metrics`, { agent }, (response) => {
      response.resume();
      response.once('close', resolve);
    });
    // Whoever finds no place is refused.
    call.once('error', () => resolve());
  });
}

if (kind === 'scrapes') {
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  while (performance.now() < end) await Promise.all(Array.from({ length: SCRAPERS }, () => scrape(agent)));
} else {
  const clients = new RawClients();
  const { hostname, port } = new URL(origin);
  const request = `GET /metrics HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(4000)}`;
  clients.drip({ host: hostname, port: Number(port) }, SLOW, request, DRIP_MS);
  clients.drip({ path: socket }, SLOW, request.replace('GET /metrics', 'POST /command'), DRIP_MS);
  await sleep(end - performance.now());
  clients.leave();
}
process.exit();
