/**
 * AF_PACKET sockets with memory-mapped rings (packet(7), linux/if_packet.h; kernel's packet_mmap.rst): version 2, frames of
 * 68 KiB, a virtio-net header in each, so that superframes pass whole both ways. Main opens and closes; a worker drives
 * each through its mapping (workers/device/packet.ts).
 *
 * The header must be asked for before the rings are made. Several sockets share an interface's frames by fanout. A socket
 * receives nothing before `listen`, so that no frame comes twice while they join.
 */
import { throwErrno } from './errno.js';
import { bind, close, fixedBuffer, getsockopt, mapFile, setsockopt, socket, unmap } from './libc.js';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const ETH_P_ALL = 3;

const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_ATTACH_FILTER = 26;
const SO_DETACH_FILTER = 27;
const SO_SNDBUFFORCE = 32;

const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const PACKET_TX_RING = 13;
const PACKET_VNET_HDR = 15;
const PACKET_FANOUT = 18;
const PACKET_TX_HAS_OFF = 19;
const PACKET_IGNORE_OUTGOING = 23;
const TPACKET_V2 = 1;
const PACKET_MR_PROMISC = 1;
const PACKET_FANOUT_HASH = 0;
const PACKET_FANOUT_FLAG_UNIQUEID = 0x2000;
const SOCKADDR_LL = 20;

/** Bytes of all that a socket may have on its way out: its whole transmit ring. */
const SEND_BUFFER = 64 << 20;

/** Geometry of the rings. */
export const enum PacketRing {
  /** 17 pages: the longest frame with its headers touches no more pages than a socket buffer has places for. */
  STRIDE = 69632,
  /** Frames of a receive ring, and of a transmit ring. */
  RX_FRAMES = 510,
  TX_FRAMES = 120,
  /** Frames of a block: 255 pages, of which the kernel allocates 256 in one piece if it can. */
  BLOCK_FRAMES = 15,
}

/** 32-bit words of a frame's header, struct tpacket2_hdr. */
export const enum Tpacket {
  STATUS = 0,
  LENGTH = 1,
  SNAP_LENGTH = 2,
  /** tp_mac, where the frame begins, in the lower half. */
  MAC = 3,
  /** Tag control information of a VLAN tag taken out, and its ethertype in the upper half. */
  VLAN = 6,
}

/** Values of STATUS. */
export const enum TpacketStatus {
  /** Receive ring: the kernel's. Transmit ring: free. */
  KERNEL = 0,
  /** Receive ring: a frame for us. */
  USER = 1,
  SEND_REQUEST = 1,
  SENDING = 2,
  WRONG_FORMAT = 4,
  VLAN_VALID = 0x10,
  VLAN_TPID_VALID = 0x40,
}

/** Bytes of both rings of a socket: the receive ring, then the transmit ring. */
export const PACKET_RING_BYTES = (PacketRing.RX_FRAMES + PacketRing.TX_FRAMES) * PacketRing.STRIDE;

/** What rings are like, as text: those of another version of this program may be of another size. */
export const PACKET_GEOMETRY = `${PacketRing.RX_FRAMES}+${PacketRing.TX_FRAMES}*${PacketRing.STRIDE}`;

/** An open socket. */
export interface PacketQueue {
  readonly fd: number;
  /** Where its rings are mapped. */
  readonly address: number;
}

const scratch = fixedBuffer(64);

/**
 * Opens `count` sockets on interface `ifindex` that share what it receives, promiscuous for as long as they are open. They receive
 * nothing before `listenPacket`. Throws SysError with a remedy; nothing stays open then.
 */
export function openPacketQueues(name: string, ifindex: number, count: number): PacketQueue[] {
  const queues: PacketQueue[] = [];
  let group = -1;
  try {
    for (let n = 0; n < count; n++) {
      queues.push(openQueue(name, ifindex));
      if (count > 1) group = join((queues[n] as PacketQueue).fd, group, name);
    }
  } catch (error) {
    closePacketQueues(queues);
    throw error;
  }
  return queues;
}

/** Maps the rings of a socket that another process opened, and passed on. Throws SysError. */
export function mapPacketQueue(name: string, fd: number): PacketQueue {
  const address = mapFile(fd, PACKET_RING_BYTES, 0);
  if (address === -1) throwErrno(`rings of ${name}`, { ENOMEM: 'not enough memory for the rings of that interface' });
  return { fd, address };
}

/** Lets a socket receive. */
export function listenPacket({ fd }: PacketQueue): void {
  scratch.view.setInt32(0, 0, true);
  setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, scratch.address, 4);
}

/** Ends the mappings and closes the sockets; no worker may look at them any more. */
export function closePacketQueues(queues: readonly PacketQueue[]): void {
  for (const { fd, address } of queues) {
    unmap(address, PACKET_RING_BYTES);
    close(fd);
  }
}

/** Frames that found no room in the receive ring since last asked; 0 when the socket is gone. */
export function packetDrops(fd: number): number {
  // struct tpacket_stats: packets, drops.
  scratch.view.setUint32(32, 8, true);
  if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, scratch.address, scratch.address + 32) === -1) return 0;
  return scratch.view.getUint32(4, true);
}

/** Takes the error off a socket whose interface went down, so that epoll speaks of it no more. Workers. */
export function clearSocketError(fd: number): void {
  scratch.view.setUint32(32, 4, true);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, scratch.address, scratch.address + 32);
}

/** Makes an interface hear everything for as long as the descriptor returned is open. Throws SysError. */
export function openPromiscuous(name: string, ifindex: number): number {
  const fd = packetSocket();
  try {
    joinPromiscuous(fd, name, ifindex);
  } catch (error) {
    close(fd);
    throw error;
  }
  return fd;
}

function packetSocket(): number {
  // Protocol 0: it receives nothing until it is bound.
  const fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd === -1) throwErrno('packet socket', { EPERM: 'run as root or with CAP_NET_RAW', EMFILE: 'raise `ulimit -n`' });
  return fd;
}

function openQueue(name: string, ifindex: number): PacketQueue {
  const fd = packetSocket();
  let address = -1;
  try {
    option(fd, PACKET_VNET_HDR, 1, name);
    option(fd, PACKET_VERSION, TPACKET_V2, name);
    option(fd, PACKET_TX_HAS_OFF, 1, name);
    option(fd, PACKET_IGNORE_OUTGOING, 1, name);
    ring(fd, PACKET_RX_RING, PacketRing.RX_FRAMES, name);
    ring(fd, PACKET_TX_RING, PacketRing.TX_FRAMES, name);
    ({ address } = mapPacketQueue(name, fd));
    scratch.view.setInt32(0, SEND_BUFFER, true);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, scratch.address, 4);
    refuseAll(fd);
    joinPromiscuous(fd, name, ifindex);
    const { view, u8 } = scratch;
    u8.fill(0);
    view.setUint16(0, AF_PACKET, true);
    view.setUint16(2, ETH_P_ALL);
    view.setInt32(4, ifindex, true);
    if (bind(fd, scratch.address, SOCKADDR_LL) === -1) throwErrno(`bind to ${name}`);
  } catch (error) {
    if (address !== -1) unmap(address, PACKET_RING_BYTES);
    close(fd);
    throw error;
  }
  return { fd, address };
}

/** A socket filter of one instruction, `return 0`: until it is taken off, the socket receives nothing. */
function refuseAll(fd: number): void {
  const { view, u8, address } = scratch;
  u8.fill(0);
  view.setUint16(0, 1, true);
  view.setBigUint64(8, BigInt(address + 16), true);
  view.setUint16(16, 0x06, true);
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, address, 16) === -1) throwErrno('socket filter');
}

function joinPromiscuous(fd: number, name: string, ifindex: number): void {
  const { view, u8, address } = scratch;
  u8.fill(0);
  view.setInt32(0, ifindex, true);
  view.setUint16(4, PACKET_MR_PROMISC, true);
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, address, 16) === -1) throwErrno(`promiscuous mode of ${name}`);
}

/** Puts a bound socket into a fanout group; -1 makes one. Returns the group. */
function join(fd: number, group: number, name: string): number {
  const flags = group === -1 ? PACKET_FANOUT_FLAG_UNIQUEID : 0;
  option(fd, PACKET_FANOUT, Math.max(group, 0) | ((PACKET_FANOUT_HASH | flags) << 16), name);
  if (group !== -1) return group;
  scratch.view.setUint32(32, 4, true);
  if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, scratch.address, scratch.address + 32) === -1)
    throwErrno(`fanout of ${name}`);
  return scratch.view.getUint16(0, true);
}

/** struct tpacket_req: block size, blocks, frame size, frames. */
function ring(fd: number, which: number, frames: number, name: string): void {
  const { view, address } = scratch;
  view.setUint32(0, PacketRing.STRIDE * PacketRing.BLOCK_FRAMES, true);
  view.setUint32(4, frames / PacketRing.BLOCK_FRAMES, true);
  view.setUint32(8, PacketRing.STRIDE, true);
  view.setUint32(12, frames, true);
  if (setsockopt(fd, SOL_PACKET, which, address, 16) === -1)
    throwErrno(`rings of ${name}`, { ENOMEM: 'not enough memory for the rings of that interface' });
}

function option(fd: number, which: number, value: number, name: string): void {
  scratch.view.setInt32(0, value, true);
  if (setsockopt(fd, SOL_PACKET, which, scratch.address, 4) === -1) {
    throwErrno(`packet socket option ${which} of ${name}`, {
      EINVAL: 'the kernel is too old (Linux 6.6 is known to do)',
    });
  }
}
