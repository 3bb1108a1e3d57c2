/**
 * TCP (RFC 9293 §3.1): offsets, check, ports. Any thread; nothing is allocated.
 */
import { read32 } from './network-order.js';

/** Byte offsets in a TCP header. */
export const enum Tcp {
  SOURCE = 0,
  DESTINATION = 2,
  SEQUENCE = 4,
  DATA_OFFSET = 12,
  FLAGS = 13,
  CHECKSUM = 16,
  LENGTH = 20,
}

/** Bits of the TCP flags. */
export const enum TcpFlag {
  FIN = 0x01,
  PSH = 0x08,
  CWR = 0x80,
}

/** Whether the header at byte `at`, of `length` bytes that are left of the packet, is whole. The checksum is not looked at. */
export function checkTcp(u8: Uint8Array, at: number, length: number): boolean {
  if (length < Tcp.LENGTH) return false;
  const header = (u8[at + Tcp.DATA_OFFSET] >> 4) << 2;
  return header >= Tcp.LENGTH && header <= length;
}

/** Source port in the high 16 bits and destination port in the low ones, for TCP and UDP alike: what a flow hash takes in. */
export function ports(u8: Uint8Array, at: number): number {
  return read32(u8, at);
}
