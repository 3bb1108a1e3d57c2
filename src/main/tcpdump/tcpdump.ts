/**
 * `smrctl tcpdump`: reads a capture from smrouterd as it is made, and writes or prints it, until it is told to stop, has as many packets as
 * asked for, or nobody reads any more. Then it says on standard error how many there were.
 */
import { type IncomingMessage, request } from 'node:http';
import { Block } from '../../shared/wire/pcapng.js';
import { CAPTURE_END, CAPTURE_ID, CAPTURE_LINK } from '../api/capture-headers.js';
import { ControlError } from '../errors.js';
import { sinkOpener } from './packet-sink.js';
import { BlockReader, blockType, statisticsOf } from './pcapng-reader.js';
import { type CaptureRequest, tcpdumpWords } from './tcpdump-words.js';

/** Runs the words after `tcpdump` against the daemon at `socketPath`. Throws ControlError, and errors of the socket. */
export async function tcpdump(socketPath: string, args: readonly string[]): Promise<void> {
  const { request: wanted, count, file, printing } = tcpdumpWords(args);
  const open = sinkOpener(file, printing);
  const answer = await begin(socketPath, wanted);
  const sink = open();
  const stop = stopper(socketPath, String(answer.headers[CAPTURE_ID]));
  const link = String(answer.headers[CAPTURE_LINK]);
  say(`listening on ${wanted.interface}, link-type ${link}, snapshot length ${wanted.snap} bytes`);
  let interrupted = false;
  const interrupt = (): void => {
    // Who asks twice has no patience for what is left.
    if (interrupted) process.exit(130);
    interrupted = true;
    stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
  void sink.left.then(stop);
  const reader = new BlockReader();
  let captured = 0;
  let counts = { received: 0, dropped: 0 };
  for await (const chunk of answer) {
    for (const block of reader.push(chunk as Buffer)) {
      const type = blockType(block);
      if (type === Block.STATISTICS) counts = statisticsOf(block);
      if (type === Block.PACKET) {
        if (count !== 0 && captured === count) continue;
        captured++;
        if (captured === count) stop();
      }
      if (!sink.write(block)) await sink.drained();
    }
  }
  await sink.end();
  say(`${captured} packets captured`);
  say(`${counts.received} packets received by filter`);
  say(`${counts.dropped} packets dropped by kernel`);
  const why = answer.trailers[CAPTURE_END];
  if (why !== undefined) throw new ControlError('ENXIO', `${wanted.interface}: the interface has left`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Asks for a capture; resolves to the answer, whose body is the capture. */
function begin(socketPath: string, wanted: CaptureRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify(wanted);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const call = request({ socketPath, path: '/capture', method: 'POST', headers }, (response) => {
      if (response.statusCode === 200) {
        resolve(response);
        return;
      }
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const { code = 'EIO', message = 'refused' } = JSON.parse(text) as { code?: string; message?: string };
        reject(Object.assign(new Error(message), { code }));
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** Ends capture `id` when first called. */
function stopper(socketPath: string, id: string): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    const call = request({ socketPath, path: `/capture/${id}`, method: 'DELETE' }, (response) => response.resume());
    call.on('error', () => {});
    call.end();
  };
}
