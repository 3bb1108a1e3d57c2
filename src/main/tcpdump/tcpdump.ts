/**
 * `smrctl tcpdump`: reads a capture from smrouterd as it is made, and writes or prints it, until it is told to stop, has as many packets as
 * asked for, or nobody reads any more. Then it says on standard error how many there were.
 */
import { Block } from '../../shared/wire/pcapng.js';
import { CAPTURE_END, CAPTURE_ID, CAPTURE_LINK } from '../api/capture-headers.js';
import { ControlError } from '../errors.js';
import { beginCapture, captureStopper, onInterrupt } from './capture-call.js';
import { sinkOpener } from './packet-sink.js';
import { BlockReader, blockType, statisticsOf } from './pcapng-reader.js';
import { tcpdumpWords } from './tcpdump-words.js';

/** Runs the words after `tcpdump` against the daemon at `socketPath`. Throws ControlError, and errors of the socket. */
export async function tcpdump(socketPath: string, args: readonly string[]): Promise<void> {
  const { request: wanted, count, file, printing } = tcpdumpWords(args);
  const open = sinkOpener(file, printing);
  const answer = await beginCapture(socketPath, wanted);
  const sink = await open();
  const stop = captureStopper(socketPath, String(answer.headers[CAPTURE_ID]));
  const link = String(answer.headers[CAPTURE_LINK]);
  say(`listening on ${wanted.interface}, link-type ${link}, snapshot length ${wanted.snap} bytes`);
  onInterrupt(stop);
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
