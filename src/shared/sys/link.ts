/**
 * Linux interfaces by ioctl(2) on a socket (netdevice(7)), and moving one to a namespace by rtnetlink(7). Main only; each
 * call returns at once.
 */
import { ERRNO, errnoName, SysError, throwErrno } from './errno.js';
import { close, fixedBuffer, ioctl, open, read, socket, write } from './libc.js';

const AF_INET = 2;
const AF_NETLINK = 16;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const O_RDONLY_NONBLOCK_CLOEXEC = 0o2004000;

const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCGIFMTU = 0x8921;
const SIOCSIFMTU = 0x8922;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
const SIOCETHTOOL = 0x8946;

const ETHTOOL_GDRVINFO = 0x03;
const ETHTOOL_GLINK = 0x0a;
const ETHTOOL_GCHANNELS = 0x3c;

const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;
const ARPHRD_ETHER = 1;
const IFNAMSIZ = 16;
const ARGUMENT = 16;

const RTM_NEWLINK = 16;
const NLM_F_REQUEST_ACK = 5;
const NLMSG_ERROR = 2;
const IFLA_NET_NS_FD = 28;

const PRIVILEGE = 'run as root or with CAP_NET_ADMIN';
const ABSENT = 'no such interface in this namespace; `ip link` lists them';
const MOVE_REMEDY: Readonly<Record<number, string>> = {
  [ERRNO.EPERM]: PRIVILEGE,
  [ERRNO.EEXIST]: 'the name is taken there',
  [ERRNO.EINVAL]: 'that is no network namespace, or the interface cannot leave this one',
};

/** What Linux says of an interface. */
export interface LinkInfo {
  readonly index: number;
  /** IFF_* bits as netdevice(7) has them, the lower 16. */
  readonly flags: number;
  readonly up: boolean;
  /** Up with carrier; the kernel follows a carrier within a second. */
  readonly running: boolean;
  /** In bytes, without the Ethernet header. */
  readonly mtu: number;
  /** `02:00:00:00:00:01`; six zeroes where the link has none. */
  readonly mac: string;
  /** Whether its frames are Ethernet's. */
  readonly ethernet: boolean;
  /** Whether there is a carrier, as its driver says at once. */
  readonly carrier: boolean;
}

const ifreq = fixedBuffer(40);
const message = fixedBuffer(256);
const ethtoolArgument = fixedBuffer(256);

/** Whether Linux could have an interface of that name: 1…15 bytes, no space, `/`, `:` or `%`, not `.` or `..`. */
export function isLinkName(name: string): boolean {
  return /^[^\s\0/:%]+$/.test(name) && Buffer.byteLength(name) < IFNAMSIZ && name !== '.' && name !== '..';
}

/** The interface of that name in this process's namespace, or undefined. Throws SysError when there is no socket to ask on. */
export function linkByName(name: string): LinkInfo | undefined {
  return withSocket((fd) => {
    if (!tryRequest(fd, SIOCGIFINDEX, name)) return undefined;
    const index = ifreq.view.getInt32(ARGUMENT, true);
    request(fd, SIOCGIFFLAGS, name);
    const flags = ifreq.view.getUint16(ARGUMENT, true);
    request(fd, SIOCGIFMTU, name);
    const mtu = ifreq.view.getInt32(ARGUMENT, true);
    request(fd, SIOCGIFHWADDR, name);
    const ethernet = ifreq.view.getUint16(ARGUMENT, true) === ARPHRD_ETHER;
    const mac = Buffer.from(ifreq.u8.slice(ARGUMENT + 2, ARGUMENT + 8))
      .toString('hex')
      .replace(/..(?=.)/g, '$&:');
    const carrier = ethtool(fd, name, ETHTOOL_GLINK) && ethtoolArgument.view.getUint32(4, true) === 1;
    const up = (flags & IFF_UP) !== 0;
    return { index, flags, up, running: (flags & IFF_RUNNING) !== 0, mtu, mac, ethernet, carrier };
  });
}

/** Receive queues that a link has in use, at least 1. Source: ETHTOOL_GCHANNELS of linux/ethtool.h. */
export function linkQueues(name: string): number {
  return withSocket((fd) => {
    if (!ethtool(fd, name, ETHTOOL_GCHANNELS)) return 1;
    // rx_count and combined_count.
    return Math.max(1, ethtoolArgument.view.getUint32(20, true) + ethtoolArgument.view.getUint32(32, true));
  });
}

/** The driver of a link: `veth`; empty where it does not say. */
export function linkDriver(name: string): string {
  return withSocket((fd) => {
    if (!ethtool(fd, name, ETHTOOL_GDRVINFO)) return '';
    const text = Buffer.from(ethtoolArgument.u8.slice(4, 36)).toString();
    return text.slice(0, text.indexOf('\0'));
  });
}

/** One query of ethtool, answered in `ethtoolArgument`; false when the link does not know it. */
function ethtool(fd: number, name: string, command: number): boolean {
  ethtoolArgument.u8.fill(0);
  ethtoolArgument.view.setUint32(0, command, true);
  const { address } = ethtoolArgument;
  return tryRequest(fd, SIOCETHTOOL, name, address | 0, Math.floor(address / 2 ** 32));
}

/** Sets a link administratively up or down. Throws SysError: ENODEV no such link, EPERM no privilege. */
export function setLinkUp(name: string, up: boolean): void {
  withSocket((fd) => {
    request(fd, SIOCGIFFLAGS, name);
    const flags = ifreq.view.getUint16(ARGUMENT, true);
    request(fd, SIOCSIFFLAGS, name, up ? flags | IFF_UP : flags & ~IFF_UP);
  });
}

/** Sets a link's MTU in bytes (a TAP takes 68…65 521). Throws SysError: EINVAL out of range, ENODEV, EPERM. */
export function setLinkMtu(name: string, mtu: number): void {
  const remedies = { EINVAL: `it does not take an MTU of ${mtu}; a TAP takes 68 to 65521` };
  withSocket((fd) => request(fd, SIOCSIFMTU, name, mtu, remedies));
}

/** Throws SysError (ENOENT with the remedy) if there is no such namespace. */
export function checkNetns(netns: string): void {
  close(openNetns(netns));
}

/** Opens a namespace given by name or path. Not blocking: the path is an operator's, and could be a pipe. */
function openNetns(netns: string): number {
  const path = netns.startsWith('/') ? netns : `/run/netns/${netns}`;
  const ns = open(path, O_RDONLY_NONBLOCK_CLOEXEC);
  if (ns === -1) {
    const missing =
      netns === path ? 'no process holds that namespace any more' : `make it with \`ip netns add ${netns}\``;
    throwErrno(`netns ${netns}`, { ENOENT: missing, EACCES: PRIVILEGE, EPERM: PRIVILEGE });
  }
  return ns;
}

/**
 * Moves a link to a namespace: a name under /run/netns, or an absolute path such as /proc/PID/ns/net. The kernel sets it
 * down on the way; its MAC, MTU and open descriptors stay. Throws SysError: ENOENT no such namespace, EINVAL the path is no
 * namespace, ENODEV no such link, EEXIST the name is taken there, EPERM.
 */
export function moveLinkToNetns(name: string, netns: string): void {
  const link = linkByName(name);
  if (link === undefined)
    throw new SysError(`${name} netns ${netns}`, 'ENODEV', 'the TAP is not in this namespace any more');
  const ns = openNetns(netns);
  try {
    const errno = newLink(link.index, IFLA_NET_NS_FD, ns);
    if (errno !== 0) {
      throw new SysError(`${name} netns ${netns}`, errnoName(errno), MOVE_REMEDY[errno]);
    }
  } finally {
    close(ns);
  }
}

/** RTM_NEWLINK on `index` with one 32-bit attribute; returns the errno of the answer, 0 for success. */
function newLink(index: number, attribute: number, value: number): number {
  // The kernel answers within the write, so a read that would wait means that no answer comes.
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd === -1) throwErrno('netlink socket');
  try {
    const { view, u8, address } = message;
    const length = 16 + 16 + 8;
    u8.fill(0);
    view.setUint32(0, length, true);
    view.setUint16(4, RTM_NEWLINK, true);
    view.setUint16(6, NLM_F_REQUEST_ACK, true);
    view.setInt32(20, index, true);
    view.setUint16(32, 8, true);
    view.setUint16(34, attribute, true);
    view.setUint32(36, value, true);
    if (write(fd, address, length) === -1) throwErrno('netlink send');
    const got = read(fd, address, message.u8.length);
    if (got === -1) throwErrno('netlink receive');
    if (got < 20 || view.getUint16(4, true) !== NLMSG_ERROR) return ERRNO.EINVAL;
    return -view.getInt32(16, true);
  } finally {
    close(fd);
  }
}

function withSocket<T>(use: (fd: number) => T): T {
  const fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd === -1) throwErrno('socket');
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}

/** One interface ioctl; `argument` and what follows it go where the answer comes. Throws SysError. */
function request(
  fd: number,
  code: number,
  name: string,
  argument = 0,
  remedies: Parameters<typeof throwErrno>[1] = {},
): void {
  if (!isLinkName(name)) throw new SysError(`interface ${name}`, 'ENODEV', ABSENT);
  if (!tryRequest(fd, code, name, argument))
    throwErrno(`interface ${name}`, { EPERM: PRIVILEGE, ENODEV: ABSENT, ...remedies });
}

/** The same; false when it fails, or no interface can have that name (the kernel would cut it short and take another). */
function tryRequest(fd: number, code: number, name: string, argument = 0, further = 0): boolean {
  if (!isLinkName(name)) return false;
  ifreq.u8.fill(0);
  for (const [i, byte] of Buffer.from(name).entries()) ifreq.u8[i] = byte;
  ifreq.view.setInt32(ARGUMENT, argument, true);
  ifreq.view.setInt32(ARGUMENT + 4, further, true);
  return ioctl(fd, code, ifreq.address) !== -1;
}
