/**
 * The command line that Wireshark gives its extcap programs (extcap(4)): what is asked for, and with which settings.
 */

/** What an extcap program may be asked. */
export type ExtcapAction = 'interfaces' | 'dlts' | 'config' | 'capture' | 'check';

/** One call. */
export interface ExtcapCall {
  readonly action: ExtcapAction;
  /** As `interfaces` named it: smrouter:IF, or smrouter:ssh. */
  readonly interface: string;
  /** Where the packets go. */
  readonly fifo: string;
  readonly filter: string;
  /** Values of the settings that `config` offers, by name; empty = not set. */
  readonly settings: Readonly<Record<string, string>>;
}

const FLAGS: Readonly<Record<string, ExtcapAction>> = {
  'extcap-interfaces': 'interfaces',
  'extcap-dlts': 'dlts',
  'extcap-config': 'config',
  capture: 'capture',
};

/** Reads the words; both `--name value` and `--name=value` are used. Undefined if nothing is asked for. */
export function extcapCall(args: readonly string[]): ExtcapCall | undefined {
  let action: ExtcapAction | undefined;
  const values: Record<string, string> = {};
  for (let at = 0; at < args.length; at++) {
    const found = /^--([^=]+)(?:=(.*))?$/s.exec(args[at] as string);
    if (found === null) continue;
    const [, name = '', value] = found;
    if (Object.hasOwn(FLAGS, name)) action = FLAGS[name];
    else values[name] = value ?? args[++at] ?? '';
  }
  const { 'extcap-interface': name = '', 'extcap-capture-filter': filter = '', fifo = '', ...settings } = values;
  // A filter with nothing else: whether it is one.
  if (action === undefined && 'extcap-capture-filter' in values) action = 'check';
  return action === undefined ? undefined : { action, interface: name, fifo, filter, settings };
}
