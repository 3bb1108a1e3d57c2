/**
 * smrouter-extcap: smrouter's interfaces in the list of Wireshark and tshark (extcap(4)), also those of another machine over ssh.
 * Wireshark runs it from its extcap folder; it asks smrctl, and has smrctl write into Wireshark's pipe.
 */
import { execFile, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LinkType } from '../shared/wire/pcap.js';
import type { InterfaceType } from './config/state.js';
import { linksOf } from './control/captures.js';
import { compileExpression } from './control/packet-expression.js';
import { type ExtcapCall, extcapCall } from './extcap/arguments.js';
import { type Command, captureCommand } from './extcap/command.js';
import {
  configSentences,
  dltSentences,
  interfaceSentences,
  type ListedInterface,
  PREFIX,
  SSH,
} from './extcap/sentences.js';

const USAGE = `smrouter-extcap is run by Wireshark. Link it into an extcap folder (Help, About, Folders), for instance
  ln -s ${fileURLToPath(new URL('../../../bin/smrouter-extcap', import.meta.url))} ~/.config/wireshark/extcap/
and smrouter's interfaces are in the list of Wireshark and of tshark -D.
`;
const VERSION = '0.1';
/** smrctl as it stands beside us. */
const SMRCTL: Command = [process.execPath, fileURLToPath(new URL('../../../bin/smrctl', import.meta.url))];
/** How long the router has to say what interfaces it has: Wireshark waits. */
const LIST_MS = 3000;
/** How often it is asked whether Wireshark is still there. */
const PARENT_MS = 1000;
const LINK_TYPES = { EN10MB: LinkType.EN10MB, LOOP: LinkType.LOOP, RAW: LinkType.RAW } as const;

/** The router's interfaces; none where no router answers. */
function listInterfaces(socket: string): Promise<ListedInterface[]> {
  const [program, ...args] = SMRCTL;
  const words = [...args, ...(socket === '' ? [] : ['-s', socket]), '--json', 'ifconfig'];
  return new Promise((resolve) => {
    execFile(program, words, { timeout: LIST_MS }, (error, stdout) => {
      resolve(error === null ? (JSON.parse(stdout) as ListedInterface[]) : []);
    });
  });
}

/** What kind of interface `call` is about; undefined: one of another machine, or one that has gone. */
async function typeOf(call: ExtcapCall): Promise<InterfaceType | undefined> {
  if (call.interface === PREFIX + SSH) return undefined;
  const list = await listInterfaces(call.settings.socket ?? '');
  return list.find(({ name }) => PREFIX + name === call.interface)?.type;
}

/** Prints what is wrong with a filter; nothing if it is one. */
async function checkFilter(call: ExtcapCall): Promise<void> {
  const type = await typeOf(call);
  const link = linksOf(type ?? 'tap')[0] ?? 'EN10MB';
  await compileExpression(call.filter, LINK_TYPES[link], 262_144).catch((error: Error) => {
    process.stdout.write(`${error.message}\n`);
  });
}

/** Captures into Wireshark's pipe until told to stop, or Wireshark has left. Resolves to the exit status. */
function capture(call: ExtcapCall): Promise<number> {
  const [program, ...args] = captureCommand(call, SMRCTL);
  const fifo = openSync(call.fifo, 'w');
  const child = spawn(program, args, { stdio: ['ignore', fifo, 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const stop = (): void => void child.kill('SIGTERM');
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
  const parent = process.ppid;
  const watch = setInterval(() => process.ppid === parent || stop(), PARENT_MS);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      clearInterval(watch);
      // What it says of a capture that went well is not for a window with an error in it.
      if (status !== null && status !== 0) process.stderr.write(said);
      resolve(status ?? 0);
    });
  });
}

async function main(): Promise<number> {
  const call = extcapCall(process.argv.slice(2));
  if (call === undefined) {
    process.stdout.write(USAGE);
    return 0;
  }
  const socket = call.settings.socket ?? '';
  if (call.action === 'interfaces') {
    process.stdout.write(interfaceSentences(VERSION, await listInterfaces(socket)));
  } else if (call.action === 'dlts') process.stdout.write(dltSentences(await typeOf(call)));
  else if (call.action === 'config') process.stdout.write(configSentences(await typeOf(call)));
  else if (call.action === 'check') await checkFilter(call);
  else return capture(call);
  return 0;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`smrouter-extcap: ${(error as Error).message}\n`);
  return 1;
});
