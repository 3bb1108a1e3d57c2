/**
 * What script/package makes, installed as a user would: the npm package under a prefix of its own, the Debian package over the machine's
 * own files in a mount namespace that is gone afterwards.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../support/programs.js';
import { skipReason } from '../support/require.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LONG_MS = 100_000;

/** Runs a shell script; its output. Throws with it when the script fails. */
function shell(script: string, env: Record<string, string> = {}): string {
  const options = { encoding: 'utf8', timeout: LONG_MS, cwd: ROOT, env: { ...process.env, ...env } } as const;
  const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], options);
  if (status !== 0) throw new Error(`exit ${status}: ${stdout}${stderr}`);
  return stdout;
}

/** Starts the smrouterd on PATH on memory ports, asks it, stops it. */
const TRY = `
printf 'ifconfig mem0 create up\\nifconfig veb0 create add mem0 up\\n' >"$WORK/router.conf"
smrouterd -n -f "$WORK/router.conf"
smrouterd -f "$WORK/router.conf" -s "$WORK/sock" -m 127.0.0.1:0 >"$WORK/log" &
daemon=$!
trap 'kill $daemon 2>/dev/null || true' EXIT
for _ in $(seq 200); do grep -q '"event":"ready"' "$WORK/log" && break; sleep 0.1; done
export SMROUTER_SOCKET=$WORK/sock
smrctl ifconfig veb0 >"$WORK/shown"
grep -q 'mem0 flags=3' "$WORK/shown"
origin=$(sed -n 's/.*"metrics":"\\([^"]*\\)metrics".*/\\1/p' "$WORK/log")
node -e 'fetch(process.argv[1]).then((r) => r.text()).then((t) => process.exit(t.includes("<h1>smrouter") ? 0 : 1))' "$origin"
smrctl shutdown
wait $daemon
trap - EXIT
`;

describe('packages', { skip: skipReason.root() }, () => {
  const out = temporaryFolder();
  let tarball = '';
  let deb = '';

  before(() => {
    [tarball = '', deb = ''] = shell(`script/package '${out}'`).trim().split('\n');
  });

  it('the npm package holds the programs and what they read, and no tests', () => {
    const files = shell(`tar -tzf '${tarball}'`).split('\n');
    for (const file of ['bin/smrctl', 'dist/src/main/smrouterd.js', 'src/main/api/page/index.html', 'LICENSE'])
      assert.ok(files.includes(`package/${file}`), file);
    assert.deepEqual(
      files.filter((file) => /test|\.map$|tsbuildinfo/.test(file)),
      [],
    );
  });

  it('the npm package runs from a clean prefix', () => {
    const work = temporaryFolder();
    const prefix = join(work, 'prefix');
    mkdirSync(prefix);
    writeFileSync(join(prefix, 'package.json'), '{}');
    const install = `npm install --prefix '${prefix}' --omit=dev --prefer-offline --no-audit --no-fund --loglevel=error '${tarball}'`;
    shell(`${install}; ${TRY}`, { WORK: work, PATH: `${prefix}/node_modules/.bin:${process.env.PATH}` });
  });

  it('the Debian package installs, runs, and leaves nothing when it is purged', () => {
    const work = temporaryFolder();
    // Node here may come from elsewhere than Debian. Files land in an overlay that only this namespace sees.
    const script = `
mkdir "$WORK/upper" "$WORK/tmp"
mount -t tmpfs tmpfs "$WORK/upper"
for folder in usr etc var; do
  mkdir -p "$WORK/upper/$folder/up" "$WORK/upper/$folder/work"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$WORK/upper/$folder/up,workdir=$WORK/upper/$folder/work" "/$folder"
done
list() { (cd "$WORK/upper" && find usr/up etc/up var/up -type f -o -type l | grep -v '/var/up/\\(lib/dpkg\\|log\\|cache\\)\\|^var/up/\\(lib/dpkg\\|log\\|cache\\)' | sort); }
dpkg --force-depends -i "${deb}" >"$WORK/tmp/log" 2>&1 || { cat "$WORK/tmp/log"; exit 1; }
getent passwd smrouter >/dev/null
[ "$(readlink -f /usr/bin/smrouterd)" = /usr/lib/smrouter/bin/smrouterd ]
for file in /usr/lib/systemd/system/smrouter.service /usr/share/bash-completion/completions/smrctl /etc/smrouter.conf; do [ -f "$file" ]; done
smrouterd -n -f /etc/smrouter.conf
(${TRY})
list >"$WORK/tmp/installed"
grep -q usr/up/lib/smrouter/dist/src/main/smrouterd.js "$WORK/tmp/installed"
dpkg --force-depends -P smrouter >>"$WORK/tmp/log" 2>&1
list | grep smrouter || true
`;
    const left = spawnSync('unshare', ['-m', 'bash', '-euo', 'pipefail', '-c', script], {
      encoding: 'utf8',
      timeout: LONG_MS,
      env: { ...process.env, WORK: work },
    });
    assert.deepEqual([left.status, left.stdout], [0, ''], left.stderr);
  });

  it('completion offers the words that the daemon has', () => {
    const work = temporaryFolder();
    const ask = `
source packaging/smrctl.bash
ask() { COMP_WORDS=(smrctl "$@"); COMP_CWORD=$#; _smrctl; printf '%s\\n' "\${COMPREPLY[*]}"; }
`;
    const script = TRY.replace(
      'smrctl shutdown',
      `${ask} ask show b >"$WORK/1"; ask ifconfig ve >"$WORK/2"; ask ifconfig veb0 del '' >"$WORK/3"; ask -- >"$WORK/4"; ask sh >"$WORK/5"; smrctl shutdown`,
    );
    shell(script, { WORK: work, PATH: `${join(ROOT, 'bin')}:${process.env.PATH}` });
    const [one, two, three, four, five] = [1, 2, 3, 4, 5].map((n) => shell(`cat '${work}/${n}'`).trim());
    assert.deepEqual([one, two, three, four, five], ['books', 'veb0', 'mem0 veb0', '--json', 'show shutdown']);
    assert.ok(readdirSync(work).includes('shown'));
  });
});
