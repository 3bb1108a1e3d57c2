/**
 * Configuration lines applied to a draft, any word of the configuration in front.
 */
import { ifconfig } from '../../../src/main/cli/ifconfig.js';
import { ip } from '../../../src/main/cli/ip.js';
import { route } from '../../../src/main/cli/route.js';
import type { Draft } from '../../../src/main/cli/words.js';
import { splitWords } from '../../../src/main/config/lines.js';
import { cloneState, emptyState, type State } from '../../../src/main/config/state.js';

const WORDS = { ifconfig, ip, route };

/** What `lines` make of `state`, which stays as it is. Throws what they throw. */
export function applied(state: State, ...lines: string[]): State {
  const draft: Draft = { state: cloneState(state), actions: [] };
  for (const line of lines) {
    const [word, ...args] = splitWords(line);
    WORDS[word as keyof typeof WORDS](draft, args);
  }
  return draft.state;
}

/** What they make of nothing. */
export function configured(...lines: string[]): State {
  return applied(emptyState(), ...lines);
}
