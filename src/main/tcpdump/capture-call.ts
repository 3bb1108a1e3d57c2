/**
 * Captures over the control socket, as smrctl asks for them (api/capture-api.ts).
 */
import { type IncomingMessage, request } from 'node:http';
import type { CaptureRequest } from './tcpdump-words.js';

/** Asks for a capture; resolves to the answer, whose body is the capture. Rejects with what the daemon or the socket says. */
export function beginCapture(socketPath: string, wanted: CaptureRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify(wanted);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const call = request({ socketPath, path: '/capture', method: 'POST', headers }, (response) => {
      if (response.statusCode === 200) resolve(response);
      else textOf(response).then((text) => reject(refusal(text)), reject);
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** A function that ends capture `id` when first called. */
export function captureStopper(socketPath: string, id: string): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    const call = request({ socketPath, path: `/capture/${id}`, method: 'DELETE' }, (response) => response.resume());
    call.on('error', () => {});
    call.end();
  };
}

/** Calls `stop` on the first interrupt; who asks twice has no patience for what is left. */
export function onInterrupt(stop: () => void): void {
  let interrupted = false;
  const interrupt = (): void => {
    if (interrupted) process.exit(130);
    interrupted = true;
    stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
}

/** The names of all interfaces, by index. Rejects as `beginCapture`. */
export function interfaceNames(socketPath: string): Promise<ReadonlyMap<number, string>> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: '/interfaces' }, (response) => {
      textOf(response).then((text) => {
        if (response.statusCode !== 200) reject(refusal(text));
        else resolve(new Map(JSON.parse(text) as [number, string][]));
      }, reject);
    });
    call.on('error', reject);
    call.end();
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}

function refusal(text: string): Error {
  const { code = 'EIO', message = 'refused' } = JSON.parse(text) as { code?: string; message?: string };
  return Object.assign(new Error(message), { code });
}
