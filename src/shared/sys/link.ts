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
const O_RDONLY_CLOEXEC = 0o2000000;

const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCGIFMTU = 0x8921;
const SIOCSIFMTU = 0x8922;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;

const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;
const IFNAMSIZ = 16;
const ARGUMENT = 16;

const RTM_NEWLINK = 16;
const NLM_F_REQUEST_ACK = 5;
const NLMSG_ERROR = 2;
const IFLA_NET_NS_FD = 28;

/** What Linux says of an interface. */
export interface LinkInfo {
  readonly index: number;
  readonly up: boolean;
  /** Up with carrier. */
  readonly running: boolean;
  readonly mtu: number;
  readonly mac: string;
}

const ifreq = fixedBuffer(40);
const message = fixedBuffer(256);

/** The interface of that name in this process's namespace, or undefined. */
export function linkByName(name: string): LinkInfo | undefined {
  return withSocket((fd) => {
    if (!tryRequest(fd, SIOCGIFINDEX, name)) return undefined;
    const index = ifreq.view.getInt32(ARGUMENT, true);
    request(fd, SIOCGIFFLAGS, name);
    const flags = ifreq.view.getUint16(ARGUMENT, true);
    request(fd, SIOCGIFMTU, name);
    const mtu = ifreq.view.getInt32(ARGUMENT, true);
    request(fd, SIOCGIFHWADDR, name);
    const mac = Buffer.from(ifreq.u8.slice(ARGUMENT + 2, ARGUMENT + 8))
      .toString('hex')
      .replace(/..(?=.)/g, '$&:');
    return { index, up: (flags & IFF_UP) !== 0, running: (flags & IFF_RUNNING) !== 0, mtu, mac };
  });
}

/** Sets a link administratively up or down. Throws SysError. */
export function setLinkUp(name: string, up: boolean): void {
  withSocket((fd) => {
    request(fd, SIOCGIFFLAGS, name);
    const flags = ifreq.view.getUint16(ARGUMENT, true);
    request(fd, SIOCSIFFLAGS, name, up ? flags | IFF_UP : flags & ~IFF_UP);
  });
}

/** Sets a link's MTU in bytes. Throws SysError. */
export function setLinkMtu(name: string, mtu: number): void {
  withSocket((fd) => request(fd, SIOCSIFMTU, name, mtu));
}

/**
 * Moves a link to a namespace: a name under /run/netns, or an absolute path such as /proc/PID/ns/net. Throws SysError:
 * ENOENT no such namespace, ENODEV no such link, EEXIST the name is taken there.
 */
export function moveLinkToNetns(name: string, netns: string): void {
  const path = netns.startsWith('/') ? netns : `/run/netns/${netns}`;
  const link = linkByName(name);
  if (link === undefined)
    throw new SysError(`${name} netns ${netns}`, 'ENODEV', 'the TAP is not in this namespace any more');
  const ns = open(path, O_RDONLY_CLOEXEC);
  if (ns === -1) throwErrno(`netns ${netns}`, { ENOENT: `make it with \`ip netns add ${netns}\`` });
  try {
    const errno = newLink(link.index, IFLA_NET_NS_FD, ns);
    if (errno !== 0) {
      throw new SysError(
        `${name} netns ${netns}`,
        errnoName(errno),
        errno === ERRNO.EEXIST ? 'the name is taken there' : '',
      );
    }
  } finally {
    close(ns);
  }
}

/** RTM_NEWLINK on `index` with one 32-bit attribute; returns the errno of the answer, 0 for success. */
function newLink(index: number, attribute: number, value: number): number {
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
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

/** One interface ioctl; `argument` goes where the answer comes. Throws SysError. */
function request(fd: number, code: number, name: string, argument = 0): void {
  if (!tryRequest(fd, code, name, argument))
    throwErrno(`interface ${name}`, { EPERM: 'run as root or with CAP_NET_ADMIN' });
}

function tryRequest(fd: number, code: number, name: string, argument = 0): boolean {
  ifreq.u8.fill(0);
  for (const [i, byte] of Buffer.from(name)
    .subarray(0, IFNAMSIZ - 1)
    .entries())
    ifreq.u8[i] = byte;
  ifreq.view.setInt32(ARGUMENT, argument, true);
  return ioctl(fd, code, ifreq.address) !== -1;
}
