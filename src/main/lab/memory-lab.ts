/**
 * The lab without root or /dev/net/tun: the same configuration in this process, its TAPs memory ports, with stations on them
 * that greet everybody and then send each other frames of ethertype 0x88b5 (IEEE 802 local experimental).
 */
import { readFileSync } from 'node:fs';
import { createMetrics } from '../../../metrics/registry.js';
import { total } from '../../shared/counter/books.js';
import { Lane } from '../../shared/layout/counters.js';
import { formatMac } from '../../shared/wire/ethernet.js';
import { listenHttp } from '../api/http.js';
import { readConfig } from '../cli/command.js';
import { MemoryHost } from '../memory/memory-host.js';
import { metricsSource } from '../metrics-source.js';
import { Router } from '../router.js';
import { shownOf } from '../status.js';
import { type InterfaceCounters, type Lab, QUICKSTART } from './contract.js';

const STEP_MS = 10;
const FRAMES_A_STEP = 20;
const FRAME_BYTES = 512;
const BROADCAST = [255, 255, 255, 255, 255, 255];
const METRICS_PORT = 9476;

/** A host that knows whom it has heard. */
class Station {
  readonly mac: number[];
  readonly port: string;
  private readonly host: MemoryHost;
  private readonly heard = new Map<string, number[]>();

  constructor(router: Router, port: string, number: number) {
    this.mac = [2, 0, 0, 0, 0, number];
    this.port = port;
    this.host = new MemoryHost(router.memory, router.table.get(port));
  }

  /** Takes in what arrived; greets until somebody is known, then sends to everybody known in turn. */
  step(): void {
    for (const { bytes } of this.host.receive()) {
      const source = [...bytes.subarray(6, 12)];
      this.heard.set(source.join(':'), source);
    }
    const peers = [...this.heard.values()];
    if (peers.length === 0) this.send(BROADCAST);
    else for (let n = 0; n < FRAMES_A_STEP; n++) this.send(peers[n % peers.length] as number[]);
  }

  private send(to: number[]): void {
    const frame = new Uint8Array(FRAME_BYTES);
    frame.set(to, 0);
    frame.set(this.mac, 6);
    frame.set([0x88, 0xb5], 12);
    this.host.send(frame);
  }

  describe(): string {
    const [a, b, c, d, e, f] = this.mac as [number, number, number, number, number, number];
    return `  ${this.port}: station ${formatMac({ hi: a | (b << 8), lo: c | (d << 8) | (e << 16) | (f << 24) })}`;
  }
}

/** Builds the lab in this process. */
export async function startMemoryLab(): Promise<Lab> {
  const state = readConfig(QUICKSTART, readFileSync(QUICKSTART, 'utf8'));
  const log = {
    info: (): void => {},
    warn: (_: object, message: string): void => void process.stderr.write(`${message}\n`),
    error: (_: object, message: string): void => void process.stderr.write(`${message}\n`),
  };
  const router = await Router.start({ workers: 1, kernelTaps: false, log });
  try {
    await router.change((draft) => {
      for (const [name, spec] of state.interfaces) draft.state.interfaces.set(name, spec);
    });
    const shown = shownOf(router, createMetrics(metricsSource(router)));
    const http = await listenHttp('127.0.0.1', METRICS_PORT, shown).catch(() => listenHttp('127.0.0.1', 0, shown));
    const taps = router.table.all().filter((live) => live.type === 'tap');
    const stations = taps.map((live, n) => new Station(router, live.name, n + 1));
    const timer = setInterval(() => {
      for (const station of stations) station.step();
    }, STEP_MS);
    return {
      built: ['A bridge and in-memory hosts (examples/quickstart.conf):', ...stations.map((s) => s.describe())],
      metricsUrl: `${http.listeningOrigin}/metrics`,
      counters: async () => new Map(router.table.all().map((live) => [live.name, countersOf(router, live.index)])),
      failed: new Promise<never>(() => {}),
      stop: async () => {
        clearInterval(timer);
        await http.close();
        await router.stop();
      },
    };
  } catch (error) {
    await router.stop();
    throw error;
  }
}

function countersOf(router: Router, index: number): InterfaceCounters {
  const sum = (word: number): number => total(router.memory.views, index, word);
  return {
    ipackets: sum(Lane.IPACKETS),
    ibytes: sum(Lane.IBYTES),
    opackets: sum(Lane.OPACKETS),
    obytes: sum(Lane.OBYTES),
  };
}
