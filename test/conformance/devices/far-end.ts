/**
 * The far end of TAPs: a python3 in their namespace with a packet socket for each, exact frames and virtio-net headers both ways.
 */
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import type { DeviceFrame, VnetWords } from '../../../src/main/memory/memory-host.js';
import type { Netns } from '../../support/netns.js';

/** `s PORT HEX` sends a header of 10 bytes and a frame, `r PORT N MS` answers with what came; one line each. */
const SCRIPT = `
import sys, socket, select, time, json
socks = []
for name in sys.argv[1:]:
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
    s.setsockopt(263, 15, 1)
    s.bind((name, 0))
    socks.append(s)
print('ready')
for line in sys.stdin:
    op, port, *rest = line.split()
    s = socks[int(port)]
    if op == 's':
        try:
            s.send(bytes.fromhex(rest[0]))
            print('1')
        except OSError as error:
            print('0')
        continue
    got = []
    until = time.monotonic() + int(rest[1]) / 1000
    while len(got) < int(rest[0]):
        if not select.select([s], [], [], max(0, until - time.monotonic()))[0]: break
        data, address = s.recvfrom(1 << 17)
        if address[2] != 4: got.append(data.hex())
    print(json.dumps(got))
`;
const HEADER = 10;

export class FarEnd {
  private readonly answers: AsyncIterator<string>;
  private readonly write: (line: string) => void;

  private constructor(netns: Netns, links: readonly string[]) {
    const child = netns.spawn(['/usr/bin/python3', '-u', '-c', SCRIPT, ...links]);
    this.answers = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    this.write = (line) => child.stdin?.write(`${line}\n`);
  }

  static async open(netns: Netns, links: readonly string[]): Promise<FarEnd> {
    const end = new FarEnd(netns, links);
    assert.equal((await end.answers.next()).value, 'ready');
    return end;
  }

  /** Sends one frame. Returns whether the kernel took it. */
  async send(port: number, bytes: Uint8Array, vnet: VnetWords = [0, 0, 0]): Promise<boolean> {
    const header = Buffer.alloc(HEADER);
    header.writeInt32LE(vnet[0], 0);
    header.writeInt32LE(vnet[1], 4);
    header.writeUInt16LE(vnet[2], 8);
    this.write(`s ${port} ${header.toString('hex')}${Buffer.from(bytes).toString('hex')}`);
    return (await this.answers.next()).value === '1';
  }

  /** What arrived, up to `n` frames; fewer after `waitMs`. */
  async receive(port: number, n: number, waitMs: number): Promise<DeviceFrame[]> {
    this.write(`r ${port} ${n} ${waitMs}`);
    const frames = JSON.parse((await this.answers.next()).value) as string[];
    return frames.map((hex) => {
      const data = Buffer.from(hex, 'hex');
      return {
        bytes: new Uint8Array(data.subarray(HEADER)),
        vnet: [data.readInt32LE(0), data.readInt32LE(4), data.readUInt16LE(8)],
      };
    });
  }
}
