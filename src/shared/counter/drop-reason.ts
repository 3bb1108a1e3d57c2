/**
 * The one list of drop reasons. A new cause is one line here: it then shows in metrics, `smrctl show drops`, the display
 * and metrics/README.md.
 *
 * `place` says which side of the books a reason belongs to: `rx` = refused by the device's input (read = passed on + rx
 * drops), `tx` = refused by the device's output (queued = sent + tx drops), `stack` = anywhere between.
 */

/** One cause of loss. */
export interface DropReason {
  readonly name: string;
  readonly place: 'rx' | 'stack' | 'tx';
  readonly help: string;
}

/** Position in this list = number of the reason; `Drop` below names the numbers. */
export const DROP_REASONS: readonly DropReason[] = [
  { name: 'runt', place: 'rx', help: 'shorter than an Ethernet header' },
  { name: 'giant', place: 'rx', help: 'longer than the slot or than 65549 bytes' },
  { name: 'offload', place: 'rx', help: 'a virtio-net header that contradicts the frame' },
  { name: 'down', place: 'rx', help: 'received while the interface was down' },
  { name: 'vlan', place: 'stack', help: 'a tagged frame on a veb without link2' },
  { name: 'hairpin', place: 'stack', help: 'the destination is on the port it came from' },
  { name: 'notrunning', place: 'stack', help: 'the egress interface is not running' },
  { name: 'flood-nodiscover', place: 'stack', help: 'unknown unicast not flooded to a port without discover' },
  { name: 'nobuf', place: 'tx', help: 'no free slot for a copy' },
  { name: 'queue-full', place: 'tx', help: 'the transmit queue had no room' },
  { name: 'refused', place: 'tx', help: 'the kernel refused the frame (EINVAL)' },
  { name: 'link-down', place: 'tx', help: "the kernel's end of the TAP is down (EIO)" },
  { name: 'gone', place: 'tx', help: 'the device went away under the frame' },
  { name: 'ring-full', place: 'stack', help: 'no room in the ring to the worker that owns the egress' },
  { name: 'worker-lost', place: 'stack', help: 'in the hands of a worker thread when it died' },
  {
    name: 'segment',
    place: 'tx',
    help: 'a superframe that cannot be cut: its headers contradict its offload, or too many segments',
  },
  { name: 'span', place: 'stack', help: 'received on a span port' },
  { name: 'protected', place: 'stack', help: 'ingress and egress are in one protected domain' },
  { name: 'blocknonip-in', place: 'stack', help: 'not IP or ARP, from a port with blocknonip' },
  { name: 'blocknonip-out', place: 'stack', help: 'not IP or ARP, to a port with blocknonip' },
  { name: 'rules-in', place: 'stack', help: 'blocked by a rule on the way in' },
  { name: 'rules-out', place: 'stack', help: 'blocked by a rule on the way out' },
  {
    name: 'ip-header',
    place: 'stack',
    help: 'an IP header that is wrong or longer than the frame, on a veb with link1',
  },
  { name: 'pf', place: 'stack', help: 'refused by the packet filter' },
  { name: 'storm', place: 'stack', help: 'to be flooded, above the storm limit of its port' },
];

/** Numbers of the reasons; a test holds them to the list. */
export const enum Drop {
  RUNT = 0,
  GIANT = 1,
  OFFLOAD = 2,
  DOWN = 3,
  VLAN = 4,
  HAIRPIN = 5,
  NOTRUNNING = 6,
  FLOOD_NODISCOVER = 7,
  NOBUF = 8,
  QUEUE_FULL = 9,
  REFUSED = 10,
  LINK_DOWN = 11,
  GONE = 12,
  RING_FULL = 13,
  WORKER_LOST = 14,
  SEGMENT = 15,
  SPAN = 16,
  PROTECTED = 17,
  BLOCKNONIP_IN = 18,
  BLOCKNONIP_OUT = 19,
  RULES_IN = 20,
  RULES_OUT = 21,
  IP_HEADER = 22,
  PF = 23,
  STORM = 24,
}
