/**
 * The heap region: fixed control words first, then the interface table, then slabs that main allocates.
 *
 * Main writes the heap; every exception is named word by word here (W = writer, R = readers). Words of different writers
 * are at least 32 words (128 bytes) apart. The view begins on a page boundary.
 */

/** Most worker threads; a worker's index also selects its queue in an interface record. */
export const MAX_WORKERS = 16;
/** Most threads that hold slots: the workers, main, and in benches a generator or two. */
export const MAX_THREADS = 20;
/** Interface indices are 1 … MAX_INTERFACES-1; 0 means none. */
export const MAX_INTERFACES = 1024;

/** Global words. */
export const enum Control {
  /** The SMR epoch, an int32 compared by signed difference, never 0. W: main. R: workers. */
  EPOCH = 0,
  /** 1 asks every worker to leave its loop. W: main. R: workers. */
  STOP = 1,
  /** 1 while freed objects are poisoned and readers check what they read. W: main. R: workers. */
  POISON = 2,
  /** Milliseconds that tests have moved uptime ahead by. W: main. R: workers. */
  CLOCK_SHIFT = 3,
  /** What workers do when idle, an `IdlePolicy`. W: main. R: workers. */
  IDLE = 4,
  /** Longest time, in microseconds, that a worker which sleeps lets frames gather (workers/coalesce.ts); 0 = never. W: main. R: workers. */
  COALESCE = 18,
  /** 1 = SRv6 as Linux does it where the RFCs say otherwise. W: main. R: workers. */
  SRV6_COMPAT = 24,
  /** Flow label of outer headers: -1 = 0, 0 = that of the inner packet, 1 = a hash of its flow. W: main. R: workers. */
  SRV6_FLOW_LABEL = 25,
  /** Record of the HMAC keys (table/hmac-keys.ts); 0 = none. W: main. R: workers. */
  SRV6_KEYS = 26,
  /** Routes that encapsulate: while there are some, superframes may be in tunnels. W: main. R: workers. */
  ENCAPS = 27,
  /** 1 = an SRH at an address of ours is taken as Linux does, where the interface says so too (spec B §1.8). W: main. R: workers. */
  SEG6_ENABLED = 28,
  /** Record of the SR domain's prefixes (table/srv6-domain.ts); 0 = none. W: main. R: workers. */
  SRV6_DOMAIN = 29,
  /** 1 = what leaves a SID hears what its outer header has heard of congestion (RFC 6040). W: main. R: workers. */
  SRV6_ECN = 30,
  /** Bits of an IPv4 packet's type of service that its outer header has too. W: main. R: workers. */
  SRV6_TOS = 31,
  /** 1 while IPv4 packets for others are forwarded. W: main. R: workers. */
  FORWARD4 = 5,
  /** The same of IPv6. W: main. R: workers. */
  FORWARD6 = 6,
  /** Record of the neighbour table (table/neighbour.ts). W: main. R: workers. */
  NEIGHBOURS = 7,
  /** Record of the next hops. W: main. R: workers. */
  NEXT_HOPS = 8,
  /** The two keys of the flow hash. W: main. R: workers. */
  FLOW_KEY0 = 9,
  /** The other one. W: main. R: workers. */
  FLOW_KEY1 = 10,
  /** Counts changes of captures, so that workers see to new filters (workers/capture/taps.ts). W: main. R: workers. */
  CAPTURES = 11,
  /** 1 while GRE is taken and sent (net.inet.gre.allow). W: main. R: workers. */
  GRE = 12,
  /** Who takes what tunnels bring (table/tunnel.ts); 0 = nobody. W: main. R: workers. */
  TUNNELS = 13,
  /** Copies for span ports that are tunnels, a turn of each worker. W: main. R: workers. */
  MIRRORS = 14,
  /** Sequence numbers of what tunnels bring (table/sequence.ts); 0 = there has been no tunnel yet. W: main. R: workers. */
  SEQUENCES = 15,
  /** Record of the addresses that no packet may come from (table/own-sources.ts). W: main. R: workers. */
  OWN_SOURCES = 16,
  /** Serial of the newest record of an attached interface (layout/host-device.ts); 0 = there has been none. W: main. R: workers. */
  HOST_DEVICES = 17,
  /** Main waits on it; a worker adds 1 and notifies to be heard. W: workers, and main when it stops. R: main. */
  MAIN_BELL = 32,
}

/** One block for each thread, at `THREAD_BASE + thread * THREAD_WORDS`. */
export const THREAD_BASE = 64;
export const THREAD_WORDS = 128;

/** Words of a thread's block. */
export const enum Thread {
  /** Epoch the worker last announced; 0 = offline. W: that worker (main, once it is dead). R: main. */
  EPOCH = 0,
  /** 1 while the worker sleeps or is about to; whoever gives it work then rings its doorbell. W: that worker; who rings makes it 0: all. R: all. */
  ASLEEP = 32,
  /** Milliseconds of uptime at the last announcement. W: that worker. R: main. */
  HEARTBEAT = 33,
  /** 0 not started, 1 running, 2 left. W: that worker (main, once it is dead). R: main. */
  STATE = 34,
  /** Interface index whose poisoned record a reader met; stays 0 in a correct program. W: that worker. R: main. */
  POISONED = 35,
  /** Free small slots in its cache, as of its last burst. W: that worker. R: main. */
  FREE_FRAMES = 36,
  /** Free superframe slots in its cache, as of its last burst. W: that worker. R: main. */
  FREE_SUPERFRAMES = 37,
  /** threadId of the thread that runs it. W: that worker. R: main. */
  THREAD_ID = 38,
  /** The kernel's number of that thread. W: that worker. R: main. */
  TID = 39,
  /** KiB that its JavaScript heap and what hangs on it take, as of this second. W: that worker (main, once it is dead). R: main. */
  HEAP_KIB = 41,
  /** The eventfd that wakes it. W: main. R: all. */
  DOORBELL = 64,
  /** The epoll descriptor it sleeps in. W: main. R: that worker. */
  EPOLL = 65,
  /** Record of the memory ports it polls: [count, interface index …]. W: main. R: that worker. */
  POLL_LIST = 66,
}

/** The interface table: one record an index, at `IF_BASE + index * IF_WORDS`; never freed, so an index is always safe. */
export const IF_BASE = THREAD_BASE + MAX_THREADS * THREAD_WORDS;
export const IF_WORDS = 64;
/** Routing tables, of which domains are the first: one block each, at `RDOMAIN_BASE + rdomain * RDOMAIN_WORDS`. */
export const RDOMAIN_BASE = IF_BASE + MAX_INTERFACES * IF_WORDS;
export const RDOMAIN_WORDS = 32;
export const MAX_RDOMAINS = 4096;
/** First word that the slab allocator may hand out. */
export const SLAB_BASE = RDOMAIN_BASE + MAX_RDOMAINS * RDOMAIN_WORDS;

/** Words of a routing domain's block. W: main. R: workers. */
export const enum Rdomain {
  /** Record of its IPv4 table; 0 = no routes. */
  FIB4 = 0,
  /** Record of its IPv6 table. */
  FIB6 = 1,
  /** Record of the IPv4 policy rules (table/policy-rules.ts), of table 0 and of VRFs that fall through; 0 = there are none. */
  RULES4 = 2,
  /** The same of IPv6. */
  RULES6 = 3,
}

/** Words of an interface record. W: main. R: workers, unless said otherwise. */
export const enum If {
  /** What it is, an `IfType`; 0 = no interface. */
  TYPE = 0,
  /** 15-bit generation, new with every interface that takes the index. */
  GENERATION = 1,
  /** `IfFlag` bits. */
  FLAGS = 2,
  /** Worker that owns its receive and transmit queue (memory ports), or its sending side (erspan). */
  OWNER = 3,
  /** Interface index of the veb it is a port of; 0 = none. */
  BRIDGE = 4,
  /** `PortFlag` bits while it is a port. */
  PORT_FLAGS = 5,
  /** 15-bit generation of this membership; changes when it ends, so table entries of old miss. */
  PORT_GENERATION = 6,
  /** Device MTU in bytes. */
  MTU = 7,
  /** veb: record of the port list, [kind, count, interface index …]. */
  PORTS = 8,
  /** veb: record of the learning table. */
  TABLE = 9,
  /** Memory port: ring it receives from, in words of the rings region. */
  RX_RING = 10,
  /** Memory port: ring it transmits to. */
  TX_RING = 11,
  /** `Offload` bits: what the device takes as it is. */
  OFFLOADS = 12,
  /** Mask of protected domains while it is a port: domain n is bit n - 1. */
  PROTECTED = 13,
  /** Port: its `Rules`; 0 = none. */
  RULES = 14,
  /** veb: record of the span ports, like PORTS; 0 = none. */
  SPANS = 15,
  /** veb: 1 if an OUT rule of any port sets a tag. */
  OUT_TAGS = 16,
  /** Routing domain. */
  RDOMAIN = 17,
  /** Port: floods a second that each worker makes of its frames; 0 = no limit. */
  STORM_LIMIT = 18,
  /** HMAC of an SRH received here: -1 = not looked at, 0 = right if there, 1 = required (spec B §1.4), 2 = and so is an SRH. */
  SEG6_HMAC = 28,
  /** 1 = an SRH at an address of ours that is no SID is taken, with `Control.SEG6_ENABLED` (spec B §1.8). */
  SEG6_ENABLED = 26,
  /** `Look` bits: what its input looks at beside the way of a packet. */
  LOOKS = 27,
  /** Our link-layer address, as `etherdst` reads one: first two bytes, last four. */
  LLADDR_HI = 19,
  LLADDR_LO = 20,
  /** 1 while it has an IP address: then its input is for our own stack. */
  INET = 21,
  /** rport: index | generation << 16 of the one it is paired with; 0 = none. */
  PEER = 22,
  /** Record of its captures (layout/capture.ts); 0 = nobody captures. */
  CAPTURE = 23,
  /** IPv6 addresses of it that duplicate address detection has not let through: then main answers for all. */
  TENTATIVE = 29,
  /** Index | generation << 16 of the VRF that it is a port of; 0 = none. */
  MASTER = 31,
  /** Attached host interface: its `HostDevice` record; 0 = its link is not there now. */
  DEVICE = 30,
  /** erspan: its `Tunnel` (table/tunnel.ts); 0 = no addresses. */
  TUNNEL = 24,
  /** Queue descriptor of worker w is at QUEUE_FD + w; -1 = none. */
  QUEUE_FD = 32,
  /** Our link-local address, four words in host order; the first is 0 = none. */
  LINK_LOCAL = 48,
}

/** Bits of `If.LOOKS`. */
export const enum Look {
  /** It is at the edge of the SR domain: nothing received here goes to its SIDs. */
  SEG6_EDGE = 1,
  /** We answer ARP for who is behind another interface. */
  PROXY_ARP = 2,
  /** The same of neighbour discovery. */
  PROXY_ND = 4,
}

/** Values of `Control.IDLE`. */
export const enum IdlePolicy {
  SLEEP = 0,
  ADAPTIVE = 1,
  SPIN = 2,
}

/** Kinds of interface. */
export const enum IfType {
  NONE = 0,
  VEB = 1,
  TAP = 2,
  MEMORY = 3,
  VPORT = 4,
  RPORT = 5,
  LOOPBACK = 6,
  VRF = 7,
  /** Attached host interfaces. */
  PACKET = 14,
  XDP = 15,
  ERSPAN = 8,
}

/** Bits of `If.FLAGS`. */
export const enum IfFlag {
  /** The administrator's wish. */
  UP = 1,
  /** Operational: frames move. */
  RUNNING = 2,
  /** What is received stops after counting and capture. */
  MONITOR = 4,
  LINK0 = 0x10,
  LINK1 = 0x20,
  LINK2 = 0x40,
}

/** Bits of `If.OFFLOADS`. */
export const enum Offload {
  NONE = 0,
  /** Frames whose checksum is partial. */
  CHECKSUM = 1,
  /** Superframes. Never without CHECKSUM. */
  SEGMENTATION = 2,
  ALL = 3,
}

/** Bits of `If.PORT_FLAGS` (spec A §0.4). */
export const enum PortFlag {
  LEARNING = 0x0001,
  DISCOVER = 0x0002,
  BLOCKNONIP = 0x0004,
  /** It gets copies, and what it receives is dropped. */
  SPAN = 0x0100,
}

/** First word of a slab record: what it is. A reader in poison mode checks it. */
export const enum Kind {
  PORT_LIST = 0x504c5354,
  ETHERBRIDGE = 0x45544252,
  POLL_LIST = 0x504f4c4c,
  RULE_LIST = 0x524c5354,
  RULES = 0x52554c45,
  NEIGHBOURS = 0x4e424854,
  NEIGHBOUR = 0x4e424852,
  HMAC_KEYS = 0x484d4143,
  FIB4 = 0x46494234,
  FIB6 = 0x46494236,
  NEXT_HOPS = 0x4e484f50,
  CAPTURES = 0x43415054,
  CAPTURE_FILTER = 0x42504646,
  HOST_DEVICE = 0x484f5354,
  POLICY_RULES = 0x504f4c52,
  TUNNELS = 0x54554e54,
  TUNNEL = 0x54554e4c,
  SEQUENCES = 0x53455153,
  OWN_SOURCES = 0x4f574e53,
  SRV6_DOMAIN = 0x53524436,
  /** Every word of a freed record while poison mode is on. */
  POISON = -559038737,
}

/** A port list: an immutable snapshot in order of addition. In a poll list an index may turn to 0 when its port leaves. W: main. R: workers. */
export const enum PortList {
  KIND = 0,
  COUNT = 1,
  FIRST = 2,
}

/** The rules of a port: an immutable snapshot of both directions, so that one store replaces all. W: main. R: workers. */
export const enum Rules {
  KIND = 0,
  /** Record of the IN list and of the OUT list (table/rule-list.ts); 0 = empty. */
  IN = 1,
  OUT = 2,
  /** First word of the lists themselves. */
  LISTS = 3,
}

/** Index of the first word of interface `index`. */
export function ifRecord(index: number): number {
  return IF_BASE + index * IF_WORDS;
}

/** Index of the first word of the block of `rdomain`. */
export function rdomainBlock(rdomain: number): number {
  return RDOMAIN_BASE + rdomain * RDOMAIN_WORDS;
}

/** Index of the first word of thread `thread`'s block. */
export function threadBlock(thread: number): number {
  return THREAD_BASE + thread * THREAD_WORDS;
}
