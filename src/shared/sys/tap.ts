/**
 * TAP devices (linux/if_tun.h): opened with one queue for each worker, a virtio-net header in front of every frame, and
 * offloads on, so that superframes pass whole. Main opens and closes; workers read and write the descriptors.
 *
 * A TAP is not persistent: it goes with its last descriptor. It stands in for the npm package tuntap2, which does not exist.
 */
import { SysError, throwErrno } from './errno.js';
import { close, fixedBuffer, ioctl, open } from './libc.js';
import { isLinkName, linkByName } from './link.js';

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const TUNSETQUEUE = 0x400454d9;
const TUNSETVNETLE = 0x400454dc;
const TUNSETCARRIER = 0x400454e2;

const IFF_TAP = 0x0002;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_ATTACH_QUEUE = 0x0200;
const IFF_DETACH_QUEUE = 0x0400;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFF_TUN_EXCL = 0x8000;

const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO6 = 0x04;
const TUN_F_TSO_ECN = 0x08;
const TUN_F_USO4 = 0x20;
const TUN_F_USO6 = 0x40;

const IFNAMSIZ = 16;
const VNET_HEADER = 12;
/** MAX_TAP_QUEUES of the kernel; one more fails with E2BIG. */
const MAX_QUEUES = 256;

/** An open TAP. */
export interface TapHandle {
  readonly name: string;
  /** As it was when made; the kernel keeps it in a move to another namespace unless the number is taken there. */
  readonly ifindex: number;
  /** One descriptor for each queue; none once closed. */
  readonly fds: readonly number[];
  /** Whether UDP segmentation offload is on (Linux ≥ 6.2). */
  readonly uso: boolean;
}

const request = fixedBuffer(40);

/**
 * Makes TAP `name` with `queues` queues (1…256), administratively down, with carrier. Throws SysError with a remedy: ENOENT
 * no /dev/net/tun, EPERM or EACCES no privilege, EBUSY the name is taken, EINVAL no valid name or number of queues. On
 * failure nothing stays open. Source: linux/if_tun.h.
 */
export function openTap(name: string, queues: number): TapHandle {
  // The kernel would take '' and 'a%d' as patterns, and make a TAP of another name for each queue.
  if (!isLinkName(name))
    throw new SysError(`TAP ${name}`, 'EINVAL', 'a name has 1 to 15 characters, none of them space, /, : or %');
  if (!Number.isInteger(queues) || queues < 1 || queues > MAX_QUEUES)
    throw new SysError(`TAP ${name}`, 'EINVAL', `it has 1 to ${MAX_QUEUES} queues, not ${queues}`);
  const fds: number[] = [];
  let uso = true;
  let ifindex = 0;
  try {
    for (let queue = 0; queue < queues; queue++) {
      const fd = open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC);
      if (fd === -1) {
        throwErrno('open /dev/net/tun', {
          ENOENT: 'load it with `modprobe tun`, or make it with `mknod /dev/net/tun c 10 200`',
          EACCES: 'run as root or with CAP_NET_ADMIN',
          EPERM: 'run as root or with CAP_NET_ADMIN',
          ENODEV: 'load it with `modprobe tun`',
          EMFILE: 'raise the limit of open files (ulimit -n)',
        });
      }
      fds.push(fd);
      attach(fd, name, queue === 0);
      uso = setOffloads(fd, name);
    }
    ifindex = linkByName(name)?.index ?? 0;
    if (ifindex === 0) throw new SysError(`TAP ${name}`, 'ENODEV', 'somebody took it away while it was made');
  } catch (error) {
    for (const fd of fds) close(fd);
    throw error;
  }
  return { name, ifindex, fds, uso };
}

/**
 * A TAP that another process made with `openTap` and passed on: its descriptors, one for each queue, and its number. Throws SysError:
 * EINVAL for a descriptor that is no TAP's.
 */
export function adoptTap(name: string, ifindex: number, fds: readonly number[]): TapHandle {
  let uso = true;
  for (const fd of fds) uso = setOffloads(fd, name);
  return { name, ifindex, fds: [...fds], uso };
}

/** Closes every queue; the kernel then removes the TAP. A second call does nothing: the numbers may be another's by then. */
export function closeTap(handle: TapHandle): void {
  for (const fd of (handle.fds as number[]).splice(0)) close(fd);
}

/**
 * Attaches or detaches a queue: the kernel sends nothing to a detached one, and a read of it is EAGAIN (what it still held
 * is dropped). Throws SysError: EINVAL when it is so already, or the TAP is gone.
 */
export function attachQueue(fd: number, on: boolean): void {
  request.u8.fill(0);
  request.view.setUint16(IFNAMSIZ, on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE, true);
  if (ioctl(fd, TUNSETQUEUE, request.address) === -1)
    throwErrno('TUNSETQUEUE', { EINVAL: `the queue is ${on ? 'attached' : 'detached'} already, or the TAP is gone` });
}

/**
 * Sets the carrier that the kernel's end sees; it is on when the TAP is made. /sys/class/net/…/carrier follows at once,
 * IFF_RUNNING within a millisecond, or up to a second when it changed just before. Throws SysError (EBADFD when the TAP is
 * gone).
 */
export function setCarrier(fd: number, up: boolean): void {
  request.view.setInt32(0, up ? 1 : 0, true);
  if (ioctl(fd, TUNSETCARRIER, request.address) === -1) throwErrno('TUNSETCARRIER');
}

/** Makes the TAP (first queue) or joins it. */
function attach(fd: number, name: string, first: boolean): void {
  request.u8.fill(0);
  for (const [i, byte] of Buffer.from(name).entries()) request.u8[i] = byte;
  const flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE | (first ? IFF_TUN_EXCL : 0);
  request.view.setUint16(IFNAMSIZ, flags, true);
  if (ioctl(fd, TUNSETIFF, request.address) === -1) {
    throwErrno(`TAP ${name}`, {
      EBUSY: `the name is in use; \`ip link del ${name}\` or choose another`,
      EPERM: 'run as root or with CAP_NET_ADMIN',
      EINVAL: 'the kernel refuses that name, or its driver is too old for several queues',
    });
  }
}

/** The header's size and byte order, and offloads; without USO where the kernel has none. Returns whether USO is on. */
function setOffloads(fd: number, name: string): boolean {
  request.view.setInt32(0, VNET_HEADER, true);
  if (ioctl(fd, TUNSETVNETHDRSZ, request.address) === -1) throwErrno(`TAP ${name}: TUNSETVNETHDRSZ`);
  request.view.setInt32(0, 1, true);
  if (ioctl(fd, TUNSETVNETLE, request.address) === -1) throwErrno(`TAP ${name}: TUNSETVNETLE`);
  const base = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (ioctl(fd, TUNSETOFFLOAD, base | TUN_F_USO4 | TUN_F_USO6) === 0) return true;
  if (ioctl(fd, TUNSETOFFLOAD, base) === -1) throwErrno(`TAP ${name}: TUNSETOFFLOAD`);
  return false;
}
