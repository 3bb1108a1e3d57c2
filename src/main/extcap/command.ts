/**
 * The command that an extcap call comes down to: `smrctl tcpdump`, here or over ssh.
 */
import type { ExtcapCall } from './arguments.js';
import { PREFIX, SSH } from './sentences.js';

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: string[]];

/** The command that writes the capture `call` asks for to its standard output. `smrctl` runs the one beside us. Throws Error. */
export function captureCommand(call: ExtcapCall, smrctl: Command): Command {
  const { settings, filter } = call;
  const words = call.interface.startsWith(PREFIX) ? call.interface.slice(PREFIX.length) : '';
  if (words === '') throw new Error(`${call.interface}: not an interface of smrouter`);
  const remote = words === SSH;
  const name = remote ? (settings['remote-interface'] ?? '') : words;
  if (name === '') throw new Error('no interface of the other machine is given (--remote-interface)');
  const { type = '', direction = '', snaplen = '', socket = '' } = settings;
  const args = [...(socket === '' ? [] : ['-s', socket]), 'tcpdump', '-i', name, '-w', '-'];
  if (type !== '') args.push('-y', type);
  if (direction !== '' && direction !== 'both') args.push('-D', direction);
  if (snaplen !== '') args.push('-s', snaplen);
  if (filter !== '') args.push('--', filter);
  return remote ? overSsh(settings, args) : [...smrctl, ...args];
}

/** The same on another machine, whose shell must take each word as it is. */
function overSsh(settings: Readonly<Record<string, string>>, args: readonly string[]): Command {
  const host = settings['remote-host'] ?? '';
  if (host === '' || host.startsWith('-')) throw new Error('no other machine is given (--remote-host)');
  const option = (flag: string, name: string): string[] => (settings[name] ? [flag, settings[name]] : []);
  const options = [
    ...option('-p', 'remote-port'),
    ...option('-l', 'remote-username'),
    ...option('-i', 'remote-identity'),
  ];
  // Nobody is there to type a password; the command may be several words (sudo smrctl).
  const program = settings['remote-smrctl'] || 'smrctl';
  return ['ssh', '-T', '-o', 'BatchMode=yes', ...options, host, '--', `${program} ${args.map(shellWord).join(' ')}`];
}

/** A word as a POSIX shell reads it back. */
export function shellWord(word: string): string {
  return /^[\w.:/=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
