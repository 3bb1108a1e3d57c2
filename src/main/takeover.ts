/**
 * One smrouterd takes the place of another: TAPs and AF_PACKET sockets go over as descriptors and never close, and with them goes what was
 * learned. Main only.
 *
 * ```
 *  new                                          old
 *   starts its workers                           forwards
 *   `takeover offer PATH` ─────────────────────► sends its devices to PATH, and goes on
 *   checks that they fit its configuration
 *   `takeover commit` ─────────────────────────► stops its workers, gives back what it has alone (AF_XDP)
 *   configures itself with the devices ◄──────── where its workers stopped, what it knows; leaves
 *   forwards
 * ```
 * Until `commit` the new one may fail, and the old one has not noticed. From there on nobody forwards until the new one does.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescriptorListener, type DescriptorMessage, sendDescriptors } from '../shared/sys/fd-passing.js';
import { close } from '../shared/sys/libc.js';
import { setCarrier } from '../shared/sys/tap.js';
import { ask } from './api/client.js';
import { isAttached, type State } from './config/state.js';
import { GivenLink, type PassedLink, type RingPlaces } from './control/passed-link.js';
import { leaveTap, type PassedTap, passTap } from './control/tap.js';
import { ControlError } from './errors.js';
import type { Router } from './router.js';
import { type Snapshot, takeSnapshot } from './snapshot.js';

/** What the old one says of itself when it offers its devices: how many messages come, first the TAPs'. */
interface Offer {
  readonly workers: number;
  readonly taps: number;
  /** Attached interfaces; a daemon of before passes none. */
  readonly links?: number;
  /** Link-layer addresses that were generated, by interface. */
  readonly lladdrs: Readonly<Record<string, string>>;
}

/** What the old one answers when it leaves. */
type Left = Snapshot & { readonly rings?: RingPlaces };

/** How often the new one looks for descriptors, and how long it waits for those that were announced. */
const LOOK_MS = 1;
const ARRIVE_MS = 2000;

/** The old one's part; it answers as a command does, and `finish` hears of the process that takes over. Throws ControlError. */
export async function handOver(
  router: Router,
  args: readonly string[],
  finish: (successor: number) => void,
): Promise<string> {
  const [what, about = ''] = args;
  if (what === 'offer' && args.length === 2) return `${JSON.stringify(offer(router, about))}\n`;
  const successor = Number(about);
  if (what !== 'commit' || args.length !== 2 || !(successor > 0))
    throw new ControlError('EINVAL', 'takeover takes offer PATH, or commit PID');
  for (const live of router.table.all()) if (live.type === 'tap') leaveTap(live);
  await router.halt();
  const left: Left = { ...takeSnapshot(router), rings: router.hosts.leave() };
  // Closes what the kernel gives to one alone, such as AF_XDP queues, before the new one asks for it.
  await router.stop();
  finish(successor);
  return `${JSON.stringify(left)}\n`;
}

function offer(router: Router, path: string): Offer {
  const all = router.table.all();
  const taps = all.filter((live) => live.type === 'tap').map(passTap);
  const links = router.hosts.pass();
  const messages = [...taps, ...links].map(({ fds, ...about }) => ({ text: JSON.stringify(about), fds }));
  sendDescriptors(path, messages);
  const lladdrs = Object.fromEntries(all.map(({ name, generated }) => [name, generated]));
  return { workers: router.memory.workers, taps: taps.length, links: links.length, lladdrs };
}

/** An error of asking as it is, or where nobody answers what that means. */
function nobodyThere(socket: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== 'connect') return error;
  return new Error(`${socket}: no smrouterd answers there (${code}); without one, start without --takeover`, {
    cause: error,
  });
}

/** The new one's part, from `begin` to `finish`. */
export class Takeover {
  /** TAPs by name, to be opened as they are. */
  readonly taps: ReadonlyMap<string, PassedTap>;
  /** Attached interfaces by name, to be gone on with. */
  readonly links: ReadonlyMap<string, GivenLink>;
  readonly lladdrs: Readonly<Record<string, string>>;
  readonly hold = true;
  private readonly socket: string;

  private constructor(socket: string, taps: readonly PassedTap[], links: readonly GivenLink[], { lladdrs }: Offer) {
    this.socket = socket;
    this.taps = new Map(taps.map((tap) => [tap.name, tap]));
    this.links = new Map(links.map((link) => [link.passed.name, link]));
    this.lladdrs = lladdrs;
  }

  /**
   * Asks the daemon at control socket `socket` for its devices, for a router of so many workers that is to be configured as `state`. Throws
   * Error with what does not fit; nothing has changed then.
   */
  static async begin(socket: string, workers: number, state: State): Promise<Takeover> {
    const folder = mkdtempSync(join(tmpdir(), 'smrouter-takeover-'));
    const path = join(folder, 'descriptors');
    const listener = new DescriptorListener(path);
    const came: DescriptorMessage[] = [];
    try {
      let answer: Offer | undefined;
      const asked = ask(socket, ['takeover', 'offer', path]).then((text) => {
        answer = JSON.parse(text) as Offer;
      });
      const failed = asked.then(
        () => new Promise<never>(() => {}),
        (error: unknown) => Promise.reject(nobodyThere(socket, error)),
      );
      for (const end = performance.now() + ARRIVE_MS; answer === undefined || came.length < messagesOf(answer); ) {
        came.push(...listener.take());
        if (performance.now() > end) throw new Error(`${socket}: its devices do not come`);
        await Promise.race([sleep(LOOK_MS), failed]);
      }
      if (answer.workers !== workers)
        throw new Error(
          `the running smrouterd has ${answer.workers} workers; start this one with -w ${answer.workers}`,
        );
      const taps = came.slice(0, answer.taps).map(({ text, fds }) => ({ ...(JSON.parse(text) as PassedTap), fds }));
      for (const tap of taps) checkTap(tap, state);
      const links: GivenLink[] = [];
      while (came.length > answer.taps) {
        // From here on its descriptors are the link's.
        const { text, fds } = came.pop() as DescriptorMessage;
        const passed: PassedLink = { ...(JSON.parse(text) as PassedLink), fds };
        links.push(new GivenLink(passed, workers, state.interfaces.get(passed.name)?.type === 'packet'));
      }
      return new Takeover(socket, taps, links, answer);
    } catch (error) {
      for (const fd of came.flatMap(({ fds }) => fds)) close(fd);
      throw error;
    } finally {
      listener.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Tells the old one to leave. Resolves to what it knew; from now on nobody forwards but the devices' next owner. */
  async commit(): Promise<Snapshot> {
    const left = JSON.parse(await ask(this.socket, ['takeover', 'commit', String(process.pid)])) as Left;
    for (const [name, link] of this.links) link.stoppedAt(left.rings?.[name]);
    return left;
  }

  /** Once `router` is configured: has its workers listen, closes devices that it has no use for, and takes the carrier from TAPs that are to be down. */
  finish(router: Router): void {
    router.watchHeld();
    for (const tap of this.taps.values()) {
      const live = router.table.find(tap.name);
      if (live?.type !== 'tap') for (const fd of tap.fds) close(fd);
      else if (tap.up && !live.spec.up) setCarrier(tap.fds[0] as number, false);
    }
    for (const [name, link] of this.links) {
      const spec = router.state.interfaces.get(name);
      link.settle(spec !== undefined && isAttached(spec.type) ? spec : undefined);
    }
  }
}

function messagesOf({ taps, links = 0 }: Offer): number {
  return taps + links;
}

/** A TAP cannot be called back from the namespace it has moved to. */
function checkTap(tap: PassedTap, state: State): void {
  const spec = state.interfaces.get(tap.name);
  if (spec?.type !== 'tap' || spec.netns === tap.netns || tap.netns === '') return;
  const wanted = spec.netns === '' ? 'none' : spec.netns;
  throw new Error(`${tap.name} is in namespace ${tap.netns}, and the configuration wants ${wanted}`);
}
