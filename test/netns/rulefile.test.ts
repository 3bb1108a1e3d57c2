/**
 * Rule files through the programs: smrctl reads them where it runs, smrouterd beside its configuration; all or none (A76).
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Daemon } from '../support/daemon.js';
import { type Ended, runProgram, temporaryFolder } from '../support/programs.js';

const CONFIG = ['ifconfig mem0 create up', 'ifconfig mem1 create up', 'ifconfig veb0 create add mem0 add mem1 up'];

describe('rule files', () => {
  const folder = temporaryFolder();
  let daemon: Daemon;

  before(async () => {
    daemon = await Daemon.start({ config: CONFIG });
  });
  after(() => daemon?.stop());

  /** Runs smrctl in the folder of the rule files. */
  function ctl(...words: string[]): Promise<Ended> {
    return runProgram('smrctl', ['-s', daemon.socket, ...words], {}, folder);
  }

  function write(name: string, ...lines: string[]): string {
    const file = join(folder, name);
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
    return file;
  }

  /** The rules of a port, as they are listed. */
  async function rules(port: string): Promise<string[]> {
    const lines = (await daemon.run('ifconfig', 'veb0')).split('\n');
    return lines
      .filter((line) => new RegExp(`^\t(block|pass|match) \\S+ on ${port}\\b`).test(line))
      .map((l) => l.slice(1));
  }

  it('A76 a file named relative to where smrctl runs is appended, comments and empty lines left out', async () => {
    write('rules', '# of mem0', 'block in on mem0 src 2:0:0:0:0:1', '', 'pass on mem1', 'match out on mem0 tag blue');
    for (const name of ['rules', './rules', join(folder, 'rules')])
      assert.deepEqual(await ctl('ifconfig', 'veb0', 'rulefile', name), { status: 0, stdout: '', stderr: '' });
    const two = ['block in on mem0 src 02:00:00:00:00:01', 'match out on mem0 tag blue'];
    assert.deepEqual(await rules('mem0'), [...two, ...two, ...two]);
    assert.equal((await rules('mem1')).length, 3);
  });

  it('A76 rulefile -f replaces the rules of the ports it names, and of no other', async () => {
    write('new', 'pass in on mem0', 'block out on mem0 dst 2:0:0:0:0:2');
    assert.equal((await ctl('ifconfig', 'veb0', 'rulefile', '-f', 'new')).status, 0);
    assert.deepEqual(await rules('mem0'), ['pass in on mem0', 'block out on mem0 dst 02:00:00:00:00:02']);
    assert.equal((await rules('mem1')).length, 3);
  });

  it('A76 one bad line, with its number, and nothing is applied; neither is the rest of the command', async () => {
    const was = await daemon.run('show', 'running');
    write('bad', 'pass on mem1', '# two', 'block on mem0 src', 'pass on mem0', 'nonsense');
    for (const words of [
      ['rulefile', 'bad'],
      ['rulefile', '-f', 'bad'],
      ['-learn', 'mem0', 'rulefile', 'bad', 'link2'],
    ]) {
      const { status, stdout, stderr } = await ctl('ifconfig', 'veb0', ...words);
      assert.deepEqual([status, stdout], [1, '']);
      const line = `smrctl: ifconfig veb0 ${words.join(' ')}: invalid rule: 3: block on mem0 src \ninvalid rule: 5: nonsense  (EINVAL)\n`;
      assert.equal(stderr, line);
    }
    assert.equal(await daemon.run('show', 'running'), was);
  });

  it('a rule for what is no port, a file that is not there, a folder: refused, nothing changed', async () => {
    const was = await daemon.run('show', 'running');
    write('stranger', 'pass on mem0', 'pass on mem9');
    mkdirSync(join(folder, 'sub'));
    for (const [name, message] of [
      ['stranger', /: mem9: not a port of veb0 \(ESRCH\)\n$/],
      ['nowhere', /^smrctl: .*nowhere.* \(ENOENT\)\n$/],
      ['sub', /^smrctl: .*\(EISDIR\)\n$/],
    ] as const) {
      for (const option of [[], ['-f']]) {
        const { status, stderr } = await ctl('ifconfig', 'veb0', 'rulefile', ...option, name);
        assert.equal(status, 1);
        assert.match(stderr, message);
      }
    }
    assert.equal(await daemon.run('show', 'running'), was);
  });

  it('A77 flushrule takes the rules of its port', async () => {
    assert.equal((await ctl('ifconfig', 'veb0', 'flushrule', 'mem1')).status, 0);
    assert.deepEqual(await rules('mem1'), []);
    assert.equal((await rules('mem0')).length, 2);
  });

  it('the exit status of rule is 0, or 1 with the words', async () => {
    assert.equal((await ctl('ifconfig', 'veb0', 'rule', 'pass', 'on', 'mem1')).status, 0);
    const { status, stderr } = await ctl('ifconfig', 'veb0', 'rule', 'pass', 'mem1');
    assert.deepEqual(
      [status, stderr],
      [1, 'smrctl: ifconfig veb0 rule pass mem1: invalid rule: pass mem1  (EINVAL)\n'],
    );
  });

  it('in a configuration file the name is relative to that file, wherever smrouterd runs', async () => {
    writeFileSync(join(dirname(daemon.file), 'beside'), 'block in on mem1 arp\npass on mem1\n');
    daemon.configure([...CONFIG, 'ifconfig veb0 rulefile beside', 'ifconfig veb0 rule match on mem1 tag last']);
    assert.equal((await daemon.ctl('reload')).status, 0);
    assert.deepEqual(await rules('mem1'), [
      'block in on mem1 arp',
      'pass in/out on mem1',
      'match in/out on mem1 tag last',
    ]);
    assert.deepEqual(await rules('mem0'), []);
  });

  it('a bad file that a configuration names: its place, and nothing changed', async () => {
    const was = await daemon.run('show', 'running');
    writeFileSync(join(dirname(daemon.file), 'beside'), 'pass on mem0\npass\n');
    const { status, stderr } = await daemon.ctl('reload');
    assert.equal(status, 1);
    assert.match(stderr, /router\.conf:4: invalid rule: 2: pass {2}\(EINVAL\)\n$/);
    assert.equal(await daemon.run('show', 'running'), was);
    const check = await runProgram('smrouterd', ['-n', '-f', daemon.file], {}, folder);
    assert.equal(check.status, 1);
    assert.match(check.stderr, /router\.conf:4: invalid rule: 2: pass/);
  });

  it('what show running prints gives the same again', async () => {
    const was = await daemon.run('show', 'running');
    assert.match(was, /rule block in on mem1 arp/);
    daemon.configure(was.trimEnd().split('\n'));
    assert.equal((await daemon.ctl('reload')).status, 0);
    assert.equal(await daemon.run('show', 'running'), was);
  });
});
