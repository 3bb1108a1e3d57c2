/**
 * TAP devices (linux/if_tun.h): opened with one queue for each worker, a virtio-net header in front of every frame, and
 * offloads on, so that superframes pass whole. Main opens and closes; workers read and write the descriptors.
 *
 * A TAP is not persistent: it goes with its last descriptor. It stands in for the npm package tuntap2, which does not exist.
 */
import { SysError, throwErrno } from './errno.js';
import { close, fixedBuffer, ioctl, open } from './libc.js';

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const TUNSETVNETLE = 0x400454dc;
const TUNSETCARRIER = 0x400454e2;

const IFF_TAP = 0x0002;
const IFF_MULTI_QUEUE = 0x0100;
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

/** An open TAP. */
export interface TapHandle {
  readonly name: string;
  /** One descriptor for each queue. */
  readonly fds: readonly number[];
  /** Whether UDP segmentation offload is on (Linux ≥ 6.2). */
  readonly uso: boolean;
}

const request = fixedBuffer(40);

/**
 * Makes TAP `name` with `queues` queues. Throws SysError with a remedy: ENOENT no /dev/net/tun, EPERM no privilege, EBUSY
 * the name is taken, EINVAL a name over 15 characters. On failure nothing stays open.
 */
export function openTap(name: string, queues: number): TapHandle {
  if (Buffer.byteLength(name) >= IFNAMSIZ)
    throw new SysError(`TAP ${name}`, 'EINVAL', 'a name has at most 15 characters');
  const fds: number[] = [];
  let uso = true;
  try {
    for (let queue = 0; queue < queues; queue++) {
      const fd = open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC);
      if (fd === -1) {
        throwErrno('open /dev/net/tun', {
          ENOENT: 'load it with `modprobe tun`, or make it with `mknod /dev/net/tun c 10 200`',
          EACCES: 'run as root or with CAP_NET_ADMIN',
          EPERM: 'run as root or with CAP_NET_ADMIN',
          ENODEV: 'load it with `modprobe tun`',
        });
      }
      fds.push(fd);
      attach(fd, name, queue === 0);
      uso = setOffloads(fd, name);
    }
  } catch (error) {
    for (const fd of fds) close(fd);
    throw error;
  }
  return { name, fds, uso };
}

/** Closes every queue; the kernel then removes the TAP. */
export function closeTap(handle: TapHandle): void {
  for (const fd of handle.fds) close(fd);
}

/** Sets the carrier that the kernel's end sees. Throws SysError (EBADFD when the TAP is gone). */
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
      EINVAL: 'an interface of another kind has that name, or it is no valid name',
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
