/**
 * smrctl: one command to a running smrouterd (README.md, "Programs"). Prints what it answers; exit 0, or 1 with the
 * message and errno on standard error.
 */
import { readFileSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, ask, send } from './api/client.js';
import { drawTop, topOptions } from './cli/top.js';
import type { Status } from './status.js';
import { tcpdump } from './tcpdump/tcpdump.js';
import { trace } from './trace/trace.js';

const CLOSED = 'smrouterd closed the connection: it has too many clients, or is leaving';
/** What the errors of a connection mean. */
const WHY_NOT: Readonly<Record<string, string>> = {
  ENOENT: 'no smrouterd answers there',
  ECONNREFUSED: 'no smrouterd answers there',
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
};

const SUCCESSOR_MS = 10_000;
const LOOK_MS = 20;

const USAGE = 'usage: smrctl [-s SOCKET] [--json] WORD …';
const DEFAULT_SOCKET = '/run/smrouter.sock';

/** The command line: options stand before the first word. Throws Error with what is wrong. */
function options(args: string[]): { socket: string; json: boolean; words: string[] } {
  let socket = process.env.SMROUTER_SOCKET || DEFAULT_SOCKET;
  let json = false;
  let at = 0;
  for (; args[at]?.startsWith('-'); at++) {
    const option = args[at];
    if (option === '--json') json = true;
    else if (option === '-s') {
      const path = args[++at];
      if (path === undefined) throw new Error('-s: SOCKET missing');
      socket = path;
    } else throw new Error(`unknown option ${option}`);
  }
  const words = args.slice(at);
  if (words.length === 0) throw new Error('no command');
  return { socket, json, words };
}

/**
 * The files that `ifconfig VEB … rulefile [-f] FILE` names are read here, where the operator stands. Throws a file's error. What
 * stands behind `description` is no command.
 */
function filesOf(words: readonly string[]): Record<string, string> {
  const files: Record<string, string> = {};
  if (words[0] !== 'ifconfig') return files;
  words.forEach((word, at) => {
    const name = words[at + 1] === '-f' ? words[at + 2] : words[at + 1];
    if (word !== 'rulefile' || words[at - 1] === 'description' || name === undefined) return;
    files[name] = readFileSync(name, 'utf8');
  });
  return files;
}

/** `smrctl top`: asks for `show status` again and again. Returns the exit status. */
async function top(socket: string, args: readonly string[]): Promise<number> {
  const look = async (): Promise<Status> => JSON.parse(await ask(socket, ['show', 'status'], true)) as Status;
  const { period, screens } = topOptions(args);
  let before = await look();
  for (let screen = 0; screens === 0 || screen < screens; screen++) {
    await sleep(period * 1000);
    const now = await look();
    // On a terminal the screen is cleared first; a pipe gets one screen after another.
    const clear = process.stdout.isTTY ? '\x1b[H\x1b[J' : '';
    process.stdout.write(`${clear}${drawTop(before, now).join('\n')}\n${process.stdout.isTTY ? '' : '\n'}`);
    before = now;
  }
  return 0;
}

async function main(): Promise<number> {
  let option: ReturnType<typeof options>;
  try {
    option = options(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`smrctl: ${(error as Error).message}\n${USAGE}\n`);
    return 1;
  }
  const { socket, json } = option;
  const words = withSecret(option.words);
  // The two that pipe what goes on see to their reader themselves.
  if (words[0] !== 'tcpdump' && words[0] !== 'trace') watchOutput();
  if (words[0] === 'top') {
    return top(socket, words.slice(1)).catch((error: unknown) => failed(socket, words, error));
  }
  if (words[0] === 'tcpdump' || words[0] === 'trace') {
    const args = words.slice(1);
    return (words[0] === 'trace' ? trace(socket, args, json) : tcpdump(socket, args)).then(
      () => 0,
      (error: unknown) => failed(socket, words, error),
    );
  }
  let files: Record<string, string>;
  try {
    files = filesOf(words);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    process.stderr.write(`smrctl: ${words.join(' ')}: ${message} (${code ?? 'EIO'})\n`);
    return 1;
  }
  const standing = identity(socket);
  let answer: Answer;
  try {
    answer = await send(socket, JSON.stringify({ words, json, files }));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = WHY_NOT[code ?? ''] ?? (error as Error).message;
    process.stderr.write(`smrctl: ${socket}: ${why} (${code ?? 'EIO'})\n`);
    return 1;
  }
  const reply = JSON.parse(answer.body) as { output?: string; code?: string; message?: string };
  if (answer.status === 200) {
    const output = reply.output ?? '';
    process.stdout.write(output);
    if (words[0] === 'upgrade') await successor(socket, standing);
    if (!isUnanswered(words, output)) return 0;
    process.stderr.write(`smrctl: ${words.join(' ')}: no answer (ETIMEDOUT)\n`);
    return 1;
  }
  // What iproute2 would say, for scripts that look at it (spec B §1.6).
  if (words[0] === 'ip') process.stderr.write(`Error: ${reply.message ?? 'refused'}.\n`);
  process.stderr.write(`smrctl: ${words.join(' ')}: ${reply.message ?? 'refused'} (${reply.code ?? 'EIO'})\n`);
  return refusal(words);
}

/** Which socket it is that stands at a path: another one after somebody has bound it anew. Empty if there is none. */
function identity(socket: string): string {
  const stat = statSync(socket, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev} ${stat.ino} ${stat.ctimeMs}`;
}

/** Waits for who takes over to answer at the socket, where `before` stood, so that the next command finds it there; SUCCESSOR_MS at most. */
async function successor(socket: string, before: string): Promise<void> {
  for (let waited = 0; waited < SUCCESSOR_MS; waited += LOOK_MS) {
    const now = identity(socket);
    const answers = now !== '' && now !== before && (await ask(socket, ['show', 'status']).then(() => true, isRefusal));
    if (answers) return;
    await sleep(LOOK_MS);
  }
}

/** Whether an error is a daemon's answer, and not that none answers. */
function isRefusal(error: unknown): boolean {
  return !Object.hasOwn(WHY_NOT, (error as NodeJS.ErrnoException).code ?? '');
}

/** Whether this is what a `ping` prints that nobody answered: it fails, as ping(8) does, so that scripts see it. */
function isUnanswered(words: readonly string[], output: string): boolean {
  return words[0] === 'ping' && /(^|, )0 packets received,|"received":0\b/m.test(output);
}

/** Says why a command failed that runs here; returns the exit status. */
function failed(socket: string, words: readonly string[], error: unknown): number {
  const { message, code } = error as NodeJS.ErrnoException;
  const silent = code === 'ECONNREFUSED' || (code === 'ENOENT' && message.startsWith('connect'));
  const why = silent ? `${socket}: no smrouterd answers there` : `${words.join(' ')}: ${message}`;
  process.stderr.write(`smrctl: ${why} (${code ?? 'EIO'})\n`);
  return 1;
}

/** The exit status of a command that was refused: `ip` has 2 where the kernel says no, but 1 for what it cannot find to show. */
function refusal(words: readonly string[]): number {
  if (words[0] !== 'ip') return 1;
  const [object = '', command = ''] = words.slice(1).filter((word) => !word.startsWith('-'));
  if (object !== '' && 'vrf'.startsWith(object)) return 1;
  return ['show', 'list', 'lst', 'ls'].includes(command) ? 1 : 2;
}

/** `ip sr hmac set KEYID ALGORITHM` asks for the secret, as iproute2 does: the first line of standard input; an empty one deletes. */
function withSecret(words: readonly string[]): readonly string[] {
  const at = words.findIndex((word, n) => n > 0 && !word.startsWith('-'));
  const [object, hmac, set, ...rest] = words.slice(at);
  if (words[0] !== 'ip' || object !== 'sr' || hmac !== 'hmac' || set !== 'set' || rest.length !== 2) return words;
  process.stderr.write(`Enter secret for HMAC key ID (blank to delete): `);
  const secret = readLine();
  return secret === '' ? words : [...words, secret];
}

/** The first line of standard input, without waiting for what comes behind it. */
function readLine(): string {
  const byte = Buffer.alloc(1);
  const line: number[] = [];
  while (readSync(0, byte) === 1 && byte[0] !== 0x0a) line.push(byte[0] as number);
  return Buffer.from(line).toString();
}

/** A reader that has seen enough ends what prints for it, and is no failure; anything else that keeps it from printing is. */
function watchOutput(): void {
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code !== 'EPIPE') process.stderr.write(`smrctl: standard output: ${message} (${code ?? 'EIO'})\n`);
    process.exit(code === 'EPIPE' ? 0 : 1);
  });
}

process.exitCode = await main();
