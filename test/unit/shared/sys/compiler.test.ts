/** The options given to V8 are ones that this Node knows, make it inline more, and optimise sooner. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { COMPILER_FLAGS } from '../../../../src/shared/sys/compiler.js';

test('each option is one of V8’s', () => {
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  for (const flag of COMPILER_FLAGS) assert.ok(known.includes(`  ${flag.split('=')[0]} `), flag);
});

test('functions that a loop calls are inlined beyond what V8 would by itself', () => {
  const inlined = (tuned: boolean): number => {
    const code = `
      import { tuneCompiler } from '${new URL('../../../../src/shared/sys/compiler.js', import.meta.url)}';
      if (${tuned}) tuneCompiler();
      const view = new Int32Array(64);
      const step = (k) => new Function('view', 'n', Array.from({ length: 12 }, (_, i) => \`view[(n + \${k + i}) & 63] += \${k} ^ n;\`).join(''));
      const steps = Array.from({ length: 16 }, (_, k) => step(k));
      const all = new Function('steps', 'view', steps.map((_, k) => \`const s\${k} = steps[\${k}];\`).join('') +
        'return (n) => {' + steps.map((_, k) => \`s\${k}(view, n);\`).join('') + '}')(steps, view);
      for (let n = 0; n < 300000; n++) all(n);`;
    const flags = ['--trace-turbo-inlining', '--no-concurrent-recompilation', '--input-type=module', '-e', code];
    return execFileSync(process.execPath, flags, { encoding: 'utf8', maxBuffer: 1 << 26 }).split('Inlining').length;
  };
  assert.ok(inlined(true) > inlined(false));
});

test('a function is optimised after fewer calls than V8 would wait for by itself', () => {
  const optimised = (tuned: boolean): boolean => {
    const code = `
      import { tuneCompiler } from '${new URL('../../../../src/shared/sys/compiler.js', import.meta.url)}';
      if (${tuned}) tuneCompiler();
      const view = new Int32Array(64);
      const lines = Array.from({ length: 40 }, (_, i) => \`view[(n + \${i}) & 63] += \${i} ^ n;\`).join('');
      const frame = new Function('view', \`return function frame(n) { \${lines} }\`)(view);
      for (let n = 0; n < 120; n++) frame(n);`;
    const flags = ['--trace-opt', '--no-concurrent-recompilation', '--input-type=module', '-e', code];
    return /compiling method .*<JSFunction frame/.test(execFileSync(process.execPath, flags, { encoding: 'utf8' }));
  };
  assert.deepEqual([optimised(false), optimised(true)], [false, true]);
});
