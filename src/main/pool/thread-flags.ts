/**
 * What node's threads of a pool are started with. Main only.
 */
const REQUIRE_MODULE = '--experimental-require-module';

/**
 * piscina loads a thread's code by require() first and by import() if that refuses. Where require() takes ES modules (Node ≥ 20.17) a thread
 * that is ended in the middle of it aborts the process ("IsGraphAsync must be used on an instantiated module", Node 20.20), as when a
 * router stops just after a worker was replaced. So threads have it switched off, and load by import(), which may be ended at any time.
 */
export const THREAD_FLAGS: readonly string[] = process.allowedNodeEnvironmentFlags.has(REQUIRE_MODULE)
  ? [REQUIRE_MODULE.replace('--', '--no-')]
  : [];
