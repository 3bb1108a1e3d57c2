/**
 * `complete WORD …`: what may stand at the last place of a command line, for the shell's completion (packaging/smrctl.bash). The words
 * are those that the commands themselves know, so completion cannot lag behind them.
 */
import type { Router } from '../router.js';
import { ifconfigWords } from './ifconfig.js';
import { showSubjects } from './show.js';
import { settingNames } from './sysctl.js';

/** Words of `ifconfig` that an interface's name stands behind. */
const BEFORE_INTERFACE = new Set(
  'add del addspan delspan learn -learn discover -discover blocknonip -blocknonip protected -protected stormlimit -stormlimit static flushrule parent on'.split(
    ' ',
  ),
);
/** What else a command's words may be. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  route: ['add', 'change', 'delete', 'flush', 'get', 'show', '-T', '-n', '-inet', '-inet6', '-blackhole', '-reject'],
  ip: [
    'address',
    'link',
    'neighbour',
    'route',
    'rule',
    'sr',
    'vrf',
    'add',
    'del',
    'replace',
    'show',
    'set',
    'dev',
    'via',
    'table',
  ],
  arp: ['-a', '-n', '-d', '-s', '-V'],
  ndp: ['-a', '-n', '-d', '-s', '-V'],
  netstat: ['-i', '-r', '-s', '-n', '-f', '-I', '-T'],
  ping: ['-V', '-c', '-I'],
  tcpdump: ['-i', '-y', '-D', '-s', '-c', '-e', '-n', '-v', '-B', '-w'],
  top: ['-d', '-n'],
  trace: ['-i', '-c'],
};

/** The candidates for the last of `words`, which follow `smrctl` and may be empty, a line each; `commands` are the first words. */
export function complete(router: Router, commands: readonly string[], words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  const fitting = candidates(router, commands, words).filter((candidate) => candidate.startsWith(last));
  return [...new Set(fitting)]
    .sort()
    .map((candidate) => `${candidate}\n`)
    .join('');
}

function candidates(router: Router, commands: readonly string[], words: readonly string[]): readonly string[] {
  const [command = ''] = words;
  const before = words.at(-2) ?? '';
  const interfaces = [...router.state.interfaces.keys()];
  if (words.length <= 1) return commands;
  if (command === 'show') return words.length === 2 ? showSubjects() : [];
  if (command === 'sysctl') return ['-a', '-n', '-w', '-q', ...settingNames()];
  if (command === 'inject') return words.length === 2 ? interfaces : [];
  if (command === 'ifconfig') {
    if (words.length === 2) return ['-a', ...interfaces];
    return BEFORE_INTERFACE.has(before) ? interfaces : ifconfigWords();
  }
  if (before === 'dev' || before === '-i') return interfaces;
  return Object.hasOwn(OTHERS, command)
    ? [...(OTHERS[command] as string[]), ...(command === 'ip' ? interfaces : [])]
    : [];
}
