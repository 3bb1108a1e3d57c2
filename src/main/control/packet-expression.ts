/**
 * Packet filter expressions (pcap-filter(7)) to BPF programs, by libpcap itself: a tcpdump that prints what it compiled. Main only.
 *
 * It is given an empty capture file of the link type on standard input, no interface. So libpcap uses no extension of the Linux
 * kernel, and takes the family word of LOOP for what it is in files: IPv6 is 24 there, but 10 for a live Linux interface.
 */
import { spawn } from 'node:child_process';
import { readProgram } from '../../shared/bpf/instruction.js';
import { verify } from '../../shared/bpf/verify.js';
import { type LinkType, Pcap, writePcap } from '../../shared/wire/pcap.js';
import { ControlError } from '../errors.js';

/** An expression may name hosts, and a name server may be silent. */
const DEADLINE_MS = 10_000;

/**
 * The program of `expression`, which keeps `snaplen` bytes of what it matches; the empty one matches all. Throws ControlError: EINVAL with
 * libpcap's own words, ENOENT where there is no tcpdump, ETIMEDOUT. `tcpdump` names the program to run.
 */
export async function compileExpression(
  expression: string,
  linkType: LinkType,
  snaplen: number,
  tcpdump = 'tcpdump',
): Promise<Uint32Array<ArrayBuffer>> {
  if (expression.includes('\0')) throw new ControlError('EINVAL', 'filter: a zero byte');
  const header = new Int32Array(Pcap.WORDS);
  writePcap(header, 0, linkType, snaplen);
  const { status, stdout, stderr } = await runTcpdump(tcpdump, expression, Buffer.from(header.buffer));
  if (status === undefined) throw new ControlError('ETIMEDOUT', `filter: tcpdump gave no answer in ${DEADLINE_MS} ms`);
  if (status !== 0) throw new ControlError('EINVAL', `filter: ${messageOf(stderr) || `tcpdump ended with ${status}`}`);
  const program = readProgram(stdout);
  if (program === undefined) throw new ControlError('EIO', 'filter: tcpdump printed something else than a program');
  const fault = verify(program);
  if (fault !== undefined) throw new ControlError('EINVAL', `filter: ${fault}`);
  return program;
}

interface Ended {
  /** Undefined if it had to be ended. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function runTcpdump(tcpdump: string, expression: string, input: Buffer): Promise<Ended> {
  return new Promise((resolve, reject) => {
    // Behind `--` no expression is taken for an option.
    const child = spawn(tcpdump, ['-ddd', '-r', '-', '--', expression], {
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
      env: { ...process.env, LC_ALL: 'C' },
    });
    const out: string[] = [];
    const err: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text));
    child.on('error', (error: NodeJS.ErrnoException) => {
      const why =
        'filter: libpcap compiles expressions through tcpdump, which is not here; install the package tcpdump';
      reject(error.code === 'ENOENT' ? new ControlError('ENOENT', why, error) : error);
    });
    child.on('close', (status) => {
      resolve({ status: status ?? undefined, stdout: out.join(''), stderr: err.join('') });
    });
    // It may end before it has read.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** What libpcap said, without what tcpdump says of its input. */
function messageOf(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('reading from file'));
  return lines.map((line) => line.replace(/^tcpdump: /, '')).join('; ');
}
