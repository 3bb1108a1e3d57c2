/**
 * A copy of the build with one place of one module changed: how a test shows that it would notice that change.
 */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './programs.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A change of compiled code: `from`, found exactly once in `module`, becomes `to`. */
export interface Mutation {
  /** Path under dist, `src/shared/ring/ring.js`. */
  readonly module: string;
  readonly from: string;
  readonly to: string;
}

/**
 * A folder with the whole build, changed by `mutation`, or as it is without one; gone with this process. Throws if the place
 * is not there, or more than once: the mutation must then be written anew.
 */
export function mutatedBuild(mutation?: Mutation): string {
  const folder = temporaryFolder();
  const dist = join(folder, 'dist');
  cpSync(join(ROOT, 'dist'), dist, { recursive: true, filter: (path) => !path.endsWith('.map') });
  for (const shared of ['package.json', 'node_modules']) symlinkSync(join(ROOT, shared), join(folder, shared));
  if (mutation === undefined) return dist;
  const { module, from, to } = mutation;
  const parts = readFileSync(join(dist, module), 'utf8').split(from);
  if (parts.length !== 2) throw new Error(`${module} has ${parts.length - 1} places like:\n${from}`);
  writeFileSync(join(dist, module), parts.join(to));
  return dist;
}
