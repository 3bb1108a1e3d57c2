/**
 * The client of the control socket: smrctl, and a daemon that takes another's place.
 */
import { request } from 'node:http';

/** What the daemon answered: an HTTP status and JSON. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Sends `body` to the daemon at `socketPath`. Rejects when nobody answers. */
export function send(socketPath: string, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const call = request({ socketPath, path: '/command', method: 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** Runs one command; resolves to what it prints. Rejects with its message and errno. */
export async function ask(socketPath: string, words: readonly string[], json = false): Promise<string> {
  const { status, body } = await send(socketPath, JSON.stringify({ words, json }));
  const reply = JSON.parse(body) as { output?: string; code?: string; message?: string };
  if (status !== 200) throw Object.assign(new Error(reply.message ?? 'refused'), { code: reply.code ?? 'EIO' });
  return reply.output ?? '';
}
