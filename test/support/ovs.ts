/**
 * Open vSwitch in user space in a namespace of its own: a database server and a switch daemon with all their files in a temporary folder.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Netns } from './netns.js';
import { temporaryFolder } from './programs.js';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const QUIET = ['-vconsole:off', '-vsyslog:off', '-vfile:off'];

export class Ovs {
  private readonly folder = temporaryFolder();
  private readonly env = { ...process.env, OVS_RUNDIR: this.folder, OVS_DBDIR: this.folder, OVS_LOGDIR: this.folder };
  private readonly children: ChildProcess[] = [];

  /** Starts both in a namespace. */
  constructor(private readonly netns: Netns) {
    const database = join(this.folder, 'conf.db');
    execFileSync('ovsdb-tool', ['create', database, SCHEMA], { stdio: 'ignore' });
    const server = `--unixctl=${join(this.folder, 'server.ctl')}`;
    this.start(['ovsdb-server', database, `--remote=punix:${this.socket}`, server]);
    this.vsctl('--no-wait', 'init');
    this.start(['ovs-vswitchd', `unix:${this.socket}`, `--unixctl=${join(this.folder, 'switch.ctl')}`]);
  }

  private get socket(): string {
    return join(this.folder, 'db.sock');
  }

  /** Runs ovs-vsctl, which waits until the switch has done what was asked. */
  vsctl(...words: string[]): void {
    const args = ['--retry', `--db=unix:${this.socket}`, '--timeout=15', ...words];
    execFileSync('ovs-vsctl', args, { stdio: 'pipe', env: this.env });
  }

  /** Asks the switch itself. */
  appctl(...words: string[]): string {
    const args = [`--target=${join(this.folder, 'switch.ctl')}`, '--timeout=10', ...words];
    return execFileSync('ovs-appctl', args, { encoding: 'utf8', env: this.env });
  }

  /** Ends both. */
  async stop(): Promise<void> {
    for (const child of this.children.reverse()) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
  }

  private start(command: readonly string[]): void {
    // `ip netns exec` becomes the program, so its process is the program's.
    const args = ['netns', 'exec', this.netns.name, ...command, ...QUIET];
    const child = spawn('ip', args, { stdio: 'ignore', env: this.env });
    process.on('exit', () => child.kill('SIGKILL'));
    this.children.push(child);
  }
}
