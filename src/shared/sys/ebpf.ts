/**
 * bpf(2): the few programs that keep an interface's frames for this process, assembled here, and the links that attach
 * them. A link goes with its descriptor, and so with the process, however that ends. Main only.
 *
 * Instructions: RFC 9669; commands and attributes: linux/bpf.h.
 */
import { ERRNO, errnoName, SysError, throwErrno } from './errno.js';
import { close, fixedBuffer, lastErrno, syscall3 } from './libc.js';

const SYS_BPF: Partial<Record<string, number>> = { x64: 321, arm64: 280, riscv64: 280 };

const CMD_MAP_CREATE = 0;
const CMD_MAP_UPDATE = 2;
const CMD_PROG_LOAD = 5;
const CMD_LINK_CREATE = 28;

const MAP_TYPE_XSKMAP = 17;
const PROG_TYPE_SCHED_CLS = 3;
const PROG_TYPE_XDP = 6;
const ATTACH_XDP = 37;
const ATTACH_TCX_INGRESS = 46;
/** BPF_F_XDP_HAS_FRAGS: the program may be given frames of several buffers. */
const F_XDP_HAS_FRAGS = 1 << 5;
const XDP_FLAGS_SKB_MODE = 2;
const XDP_FLAGS_DRV_MODE = 4;

const XDP_DROP = 1;
const TCX_DROP = 2;
/** bpf_redirect_map: to what a map has at a key; when it has nothing, the program ends with its third argument. */
const HELPER_REDIRECT_MAP = 51;
/** Byte of struct xdp_md that says which queue a frame came by. */
const XDP_MD_RX_QUEUE = 16;
/** ld_imm64 whose number is the descriptor of a map. */
const PSEUDO_MAP_FD = 1;

/** Longest attribute that a command here takes. */
const ATTRIBUTE = 128;
const INSTRUCTION = 8;

const attribute = fixedBuffer(ATTRIBUTE);
const code = fixedBuffer(16 * INSTRUCTION);
const licence = fixedBuffer(16);
licence.u8.set(Buffer.from('ISC\0'));
const verdict = fixedBuffer(4096);
const element = fixedBuffer(16);

const PRIVILEGE = 'run as root or with CAP_BPF and CAP_NET_ADMIN';

/** One instruction: opcode, destination and source register, offset, number. */
type Instruction = readonly [number, number, number, number, number];

/** `return code;` */
export function returns(value: number): Instruction[] {
  return [
    [0xb7, 0, 0, 0, value],
    [0x95, 0, 0, 0, 0],
  ];
}

/** `return bpf_redirect_map(&map, ctx->rx_queue_index, XDP_DROP);` A queue nobody serves loses its frames. */
export function redirectByQueue(map: number): Instruction[] {
  return [
    [0x61, 2, 1, XDP_MD_RX_QUEUE, 0],
    [0x18, 1, PSEUDO_MAP_FD, 0, map],
    [0x00, 0, 0, 0, 0],
    [0xb7, 3, 0, 0, XDP_DROP],
    [0x85, 0, 0, 0, HELPER_REDIRECT_MAP],
    [0x95, 0, 0, 0, 0],
  ];
}

/** Drops all that an interface receives, behind packet sockets and before the host's stack. Returns the link's descriptor. Throws SysError. */
export function dropIngress(name: string, ifindex: number): number {
  const program = load(`drop on ${name}`, PROG_TYPE_SCHED_CLS, ATTACH_TCX_INGRESS, 0, returns(TCX_DROP));
  const link = createLink(program, ifindex, ATTACH_TCX_INGRESS, 0);
  const errno = lastErrno();
  close(program);
  if (link !== -1) return link;
  const remedies: Record<number, string> = {
    [ERRNO.EPERM]: PRIVILEGE,
    [ERRNO.EINVAL]: 'the kernel has no TCX (Linux 6.6 or later is needed)',
  };
  throw new SysError(`drop on ${name}`, errnoName(errno), remedies[errno]);
}

/** A map from queue number to AF_XDP socket, `queues` long. Throws SysError. */
export function createXskMap(queues: number): number {
  const { view, u8 } = attribute;
  u8.fill(0);
  view.setUint32(0, MAP_TYPE_XSKMAP, true);
  view.setUint32(4, 4, true);
  view.setUint32(8, 4, true);
  view.setUint32(12, queues, true);
  const fd = bpf(CMD_MAP_CREATE);
  if (fd === -1) throwErrno('XSKMAP', { EPERM: PRIVILEGE, EINVAL: 'the kernel has no AF_XDP (CONFIG_XDP_SOCKETS)' });
  return fd;
}

/** Puts the socket of queue `queue` into the map. Throws SysError. */
export function setXskMap(map: number, queue: number, socket: number): void {
  element.view.setUint32(0, queue, true);
  element.view.setUint32(4, socket, true);
  const { view, u8, address } = attribute;
  u8.fill(0);
  view.setUint32(0, map, true);
  view.setBigUint64(8, BigInt(element.address), true);
  view.setBigUint64(16, BigInt(element.address + 4), true);
  if (syscall3(SYS_BPF[process.arch] ?? -1, CMD_MAP_UPDATE, address, ATTRIBUTE) === -1) throwErrno('XSKMAP entry');
}

/** How a program hangs on an interface: in its driver, or in the generic path above it. */
export type XdpMode = 'driver' | 'generic';

/**
 * Sends what interface `ifindex` receives to the sockets in `map`, in the driver if it can, else in the generic path. `frags`: frames may
 * have several buffers. Returns the link's descriptor and the mode. Throws SysError: EBUSY another program is there.
 */
export function redirectIngress(
  name: string,
  ifindex: number,
  map: number,
  frags: boolean,
  modes: readonly XdpMode[],
): { readonly link: number; readonly mode: XdpMode } {
  const flags = frags ? F_XDP_HAS_FRAGS : 0;
  const program = load(`XDP on ${name}`, PROG_TYPE_XDP, ATTACH_XDP, flags, redirectByQueue(map));
  let errno = 0;
  try {
    for (const mode of modes) {
      const how = mode === 'driver' ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
      const link = createLink(program, ifindex, ATTACH_XDP, how);
      if (link !== -1) return { link, mode };
      errno = lastErrno();
      if (errno === ERRNO.EBUSY || errno === ERRNO.EEXIST || errno === ERRNO.EPERM) break;
    }
  } finally {
    close(program);
  }
  const taken = `another XDP program is there; end whose it is, or \`ip link set dev ${name} xdp off\``;
  const remedies: Record<number, string> = {
    [ERRNO.EPERM]: PRIVILEGE,
    [ERRNO.EBUSY]: taken,
    [ERRNO.EEXIST]: taken,
    [ERRNO.ERANGE]: 'the MTU is too large for XDP in that driver; make it smaller, or attach packet',
    [ERRNO.EOPNOTSUPP]: 'neither the driver nor the kernel has XDP for it; attach packet',
  };
  throw new SysError(`XDP on ${name}`, errno === ERRNO.EEXIST ? 'EBUSY' : errnoName(errno), remedies[errno]);
}

/** Loads a program; returns its descriptor. Throws SysError with the verifier's last words. */
function load(what: string, type: number, attach: number, flags: number, program: readonly Instruction[]): number {
  program.forEach(([opcode, to, from, offset, value], n) => {
    code.u8[n * INSTRUCTION] = opcode;
    code.u8[n * INSTRUCTION + 1] = to | (from << 4);
    code.view.setInt16(n * INSTRUCTION + 2, offset, true);
    code.view.setInt32(n * INSTRUCTION + 4, value, true);
  });
  const { view, u8 } = attribute;
  u8.fill(0);
  verdict.u8[0] = 0;
  view.setUint32(0, type, true);
  view.setUint32(4, program.length, true);
  view.setBigUint64(8, BigInt(code.address), true);
  view.setBigUint64(16, BigInt(licence.address), true);
  view.setUint32(24, 1, true);
  view.setUint32(28, verdict.u8.length, true);
  view.setBigUint64(32, BigInt(verdict.address), true);
  view.setUint32(44, flags, true);
  u8.set(Buffer.from('smrouter'), 48);
  view.setUint32(68, attach, true);
  const fd = bpf(CMD_PROG_LOAD);
  if (fd !== -1) return fd;
  const errno = lastErrno();
  const said = Buffer.from(verdict.u8.slice(0, verdict.u8.indexOf(0)))
    .toString()
    .trim();
  const remedy = errno === ERRNO.EPERM ? PRIVILEGE : said;
  throw new SysError(what, errnoName(errno), remedy);
}

/** BPF_LINK_CREATE; -1 when it fails. */
function createLink(program: number, ifindex: number, attach: number, flags: number): number {
  const { view, u8 } = attribute;
  u8.fill(0);
  view.setUint32(0, program, true);
  view.setUint32(4, ifindex, true);
  view.setUint32(8, attach, true);
  view.setUint32(12, flags, true);
  return bpf(CMD_LINK_CREATE);
}

/** One command on the attribute. A kernel that knows less of it accepts the rest as long as it is 0. */
function bpf(command: number): number {
  const number = SYS_BPF[process.arch];
  if (number === undefined) throw new SysError('bpf', 'EOPNOTSUPP', `not known on ${process.arch}`);
  return syscall3(number, command, attribute.address, ATTRIBUTE);
}
