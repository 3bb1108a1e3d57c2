/** Interface counters, state and drops. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { drops, lostWithWorkers, NO_INTERFACE, total } from '../src/shared/counter/books.js';
import { DROP_REASONS, Drop } from '../src/shared/counter/drop-reason.js';
import { Lane } from '../src/shared/layout/counters.js';
import { If, IfFlag, ifRecord } from '../src/shared/layout/heap.js';
import type { MeteredInterface, MetricsSource } from './source.js';

/** Metric name, help, lane word. */
const COUNTERS: readonly (readonly [string, string, Lane])[] = [
  [
    'smrouter_interface_receive_packets_total',
    'Frames received and passed on; of a veb, frames that entered it.',
    Lane.IPACKETS,
  ],
  ['smrouter_interface_receive_bytes_total', 'Bytes of those.', Lane.IBYTES],
  ['smrouter_interface_transmit_packets_total', 'Frames sent; of a veb, unicast transmits and floods.', Lane.OPACKETS],
  ['smrouter_interface_transmit_bytes_total', 'Bytes of those.', Lane.OBYTES],
  [
    'smrouter_interface_receive_wire_packets_total',
    'Received packets, a superframe counted by its segments.',
    Lane.IWIRE,
  ],
  ['smrouter_interface_transmit_wire_packets_total', 'Sent packets, a superframe counted by its segments.', Lane.OWIRE],
  ['smrouter_interface_tagged_frames_total', 'Frames and copies that a rule of this port gave a tag.', Lane.TAGGED],
  ['smrouter_interface_originated_frames_total', 'Frames that the router itself made for it.', Lane.ORIGINATED],
  ['smrouter_interface_read_frames_total', 'Frames taken from the device: read = passed on + rx drops.', Lane.READ],
  ['smrouter_interface_queued_frames_total', 'Frames given to the device: queued = sent + tx drops.', Lane.QUEUED],
];

/** The same of attached interfaces alone. */
const ATTACHED_COUNTERS: readonly (readonly [string, string, Lane])[] = [
  [
    'smrouter_interface_missed_frames_total',
    'Frames that the kernel had no room for in the rings of an attached interface.',
    Lane.MISSED,
  ],
  [
    'smrouter_interface_link_losses_total',
    'Times that the link of an attached interface went, or was opened anew.',
    Lane.LINK_LOST,
  ],
];

/** Whether it is an interface of the host's. */
function isAttached({ type }: MeteredInterface): boolean {
  return type === 'packet' || type === 'xdp';
}

/** Registers the collectors of every interface. */
export function collectInterfaces(registers: Registry[], source: MetricsSource): void {
  const counters = [
    ...COUNTERS.map((counter) => ({ counter, of: (_: MeteredInterface): boolean => true })),
    ...ATTACHED_COUNTERS.map((counter) => ({ counter, of: isAttached })),
  ];
  for (const {
    counter: [name, help, word],
    of,
  } of counters) {
    new Counter({
      name,
      help,
      labelNames: ['interface'],
      registers,
      collect() {
        this.reset();
        for (const i of source.interfaces()) {
          if (of(i)) this.inc({ interface: i.name }, total(source.views, i.index, word));
        }
      },
    });
  }
  new Counter({
    name: 'smrouter_drops_total',
    help: 'Frames dropped, by interface and reason. Reasons that never occurred are absent.',
    labelNames: ['interface', 'reason'],
    registers,
    collect() {
      this.reset();
      for (const i of source.interfaces()) {
        DROP_REASONS.forEach((reason, number) => {
          const frames = drops(source.views, i.index, number);
          if (frames > 0) this.inc({ interface: i.name, reason: reason.name }, frames);
        });
      }
      const lost = lostWithWorkers(source.views);
      if (lost > 0) this.inc({ interface: NO_INTERFACE, reason: DROP_REASONS[Drop.WORKER_LOST].name }, lost);
    },
  });
  new Gauge({
    name: 'smrouter_interface_up',
    help: '1 while the interface is running.',
    labelNames: ['interface'],
    registers,
    collect() {
      this.reset();
      for (const i of source.interfaces()) {
        const flags = source.views.heap[ifRecord(i.index) + If.FLAGS];
        this.set({ interface: i.name }, (flags & IfFlag.RUNNING) !== 0 ? 1 : 0);
      }
    },
  });
  new Gauge({
    name: 'smrouter_interface_info',
    help: 'Always 1; the labels say what the interface is.',
    labelNames: ['interface', 'type', 'rdomain'],
    registers,
    collect() {
      this.reset();
      for (const i of source.interfaces()) this.set({ interface: i.name, type: i.type, rdomain: String(i.rdomain) }, 1);
    },
  });
}
