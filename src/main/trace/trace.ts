/**
 * `smrctl trace`: follows single frames through the router and prints each decision about them, until it is told to stop or has as many
 * frames as asked for. Then it says on standard error how many there were, and how many it missed.
 */
import { Block } from '../../shared/wire/pcapng.js';
import { CAPTURE_END, CAPTURE_ID } from '../api/capture-headers.js';
import { ControlError } from '../errors.js';
import { beginCapture, captureStopper, interfaceNames, onInterrupt } from '../tcpdump/capture-call.js';
import { BlockReader, blockType, statisticsOf } from '../tcpdump/pcapng-reader.js';
import { type CaptureRequest, tcpdumpWords } from '../tcpdump/tcpdump-words.js';
import { decisionText, KIND_NAMES, type NameOf } from './decision-text.js';
import { frameSummary, packetSummary } from './frame-summary.js';
import { readTrace, type Trace } from './trace-reader.js';

/** The words after `trace`: what the daemon is asked for, and frames to stop after (0 = none). Throws EINVAL. */
export function traceWords(args: readonly string[]): { readonly request: CaptureRequest; readonly count: number } {
  const { request, count } = tcpdumpWords(args, 'ic');
  return { request: { ...request, link: 'TRACE' }, count };
}

/** Runs the words after `trace` against the daemon at `socketPath`. Throws ControlError, and errors of the socket. */
export async function trace(socketPath: string, args: readonly string[], json: boolean): Promise<void> {
  const { request, count } = traceWords(args);
  const answer = await beginCapture(socketPath, request);
  const stop = captureStopper(socketPath, String(answer.headers[CAPTURE_ID]));
  onInterrupt(stop);
  // A pipe whose reader has seen enough.
  process.stdout.on('error', stop);
  let names = await interfaceNames(socketPath);
  const form = json ? traceJson : traceText;
  const reader = new BlockReader();
  let frames = 0;
  let lost = 0;
  for await (const chunk of answer) {
    for (const block of reader.push(chunk as Buffer)) {
      if (blockType(block) === Block.STATISTICS) lost = statisticsOf(block).dropped;
      if (blockType(block) !== Block.PACKET || (count !== 0 && frames === count)) continue;
      const found = readTrace(block);
      if (indicesOf(found).some((index) => !names.has(index))) names = await interfaceNames(socketPath);
      if (++frames === count) stop();
      const text = form(found, (index) => names.get(index) ?? `interface ${index}`);
      if (!process.stdout.write(text) && !process.stdout.destroyed) await drained();
    }
  }
  process.stderr.write(`${frames} frames traced, ${lost} missed\n`);
  if (answer.trailers[CAPTURE_END] !== undefined) {
    throw new ControlError('ENXIO', `${request.interface}: the interface has left`);
  }
}

/** A frame as a line, and an indented line for each decision. */
export function traceText(found: Trace, nameOf: NameOf): string {
  const { time, ingress, length, decisions, more } = found;
  const lines = [`${clock(time)} ${nameOf(ingress)} length ${length}: ${summary(found)}`];
  for (const decision of decisions) lines.push(`    ${decisionText(decision, nameOf)}`);
  if (more !== 0) lines.push(`    and ${more} more`);
  return `${lines.join('\n')}\n`;
}

/** The same as an object in a line. */
export function traceJson(found: Trace, nameOf: NameOf): string {
  const { time, ingress, worker, length, decisions, more } = found;
  const value = {
    time: new Date(Number(time / 1_000_000n)).toISOString(),
    interface: nameOf(ingress),
    worker,
    length,
    frame: summary(found),
    decisions: decisions.map((decision) => ({
      kind: KIND_NAMES[decision.kind] ?? String(decision.kind),
      interface: nameOf(decision.index),
      text: decisionText(decision, nameOf),
    })),
    more,
  };
  return `${JSON.stringify(value)}\n`;
}

function summary({ packet, frame }: Trace): string {
  return packet ? packetSummary(frame) : frameSummary(frame);
}

/** Interfaces that a trace names. */
function indicesOf({ ingress, decisions }: Trace): number[] {
  return [ingress, ...decisions.map((decision) => decision.index)];
}

/** Local time of day with microseconds. */
function clock(time: bigint): string {
  const date = new Date(Number(time / 1_000_000n));
  const micro = String((time / 1000n) % 1_000_000n).padStart(6, '0');
  return `${[date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':')}.${micro}`;
}

function drained(): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['drain', 'close', 'error']) process.stdout.once(event, () => resolve());
  });
}
