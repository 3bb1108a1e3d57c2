/**
 * The filters of a configuration's captures, tried before anything of it is applied: a mistake in one is the mistake of its line. Main only.
 */
import { resolve } from 'node:path';
import type { CaptureSetting } from '../config/capture.js';
import { ConfigError, splitConfig } from '../config/lines.js';
import type { State } from '../config/state.js';
import { LINK_TYPES, linksOf } from '../control/captures.js';
import { compileExpression } from '../control/packet-expression.js';
import { asControlError } from '../errors.js';

/**
 * Compiles every filter of `state`, which `text` of `file` describes. Rejects with ConfigError: the place of the first line whose filter libpcap
 * refuses, or, without a tcpdump, that has one.
 */
export async function checkFilters(file: string, text: string, state: State): Promise<void> {
  // The last line that speaks of a path is the one that counts.
  const lines = new Map<string, number>();
  for (const { line, words } of splitConfig(file, text)) {
    const [word, , verb, path = ''] = words;
    if (word === 'capture' && verb === 'file') lines.set(path.startsWith('/') ? resolve(path) : path, line);
  }
  const filtered = state.captures.filter(({ filter }) => filter !== '');
  const lineOf = ({ path }: CaptureSetting): number => lines.get(path) ?? 0;
  filtered.sort((a, b) => lineOf(a) - lineOf(b));
  for (const setting of filtered) {
    const spec = state.interfaces.get(setting.interface);
    const link = setting.type === '' ? spec && linksOf(spec.type)[0] : setting.type;
    if (link === undefined) continue;
    try {
      await compileExpression(setting.filter, LINK_TYPES[link], setting.snaplen);
    } catch (error) {
      throw new ConfigError(file, lineOf(setting), asControlError(error).message);
    }
  }
}
