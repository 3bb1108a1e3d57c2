/**
 * Attached interfaces through AF_PACKET: one socket for each worker, what they receive kept from the host's stack. Main only.
 */
import { dropIngress } from '../../shared/sys/ebpf.js';
import { close } from '../../shared/sys/libc.js';
import type { LinkInfo } from '../../shared/sys/link.js';
import { closePacketQueues, listenPacket, openPacketQueues, packetDrops } from '../../shared/sys/packet-ring.js';
import type { HostHandle } from './host-port.js';
import type { Live } from './interface-table.js';
import type { GivenLink, PassedSockets } from './passed-link.js';

/** Opens the sockets of `live` on `link`, or goes on with those that were given. Throws SysError; nothing stays open then. */
export function openPacketPort(
  live: Live,
  link: LinkInfo,
  workers: readonly number[],
  given?: GivenLink | undefined,
): HostHandle {
  const { queues: sockets, drop, places } = given?.take(link.index, workers.length) ?? openSockets(live, link, workers);
  const senders: number[] = [];
  workers.forEach((worker, n) => {
    senders[worker] = n;
  });
  return {
    queues: sockets.map(({ fd, address }, n) => ({
      owner: workers[n] as number,
      fd,
      rings: [address],
      places: places[n] ?? [],
    })),
    drop,
    senders,
    media: `AF_PACKET ring, ${workers.length === 1 ? '1 socket' : `${workers.length} sockets by fanout`}`,
    copies: false,
    listen: () => sockets.forEach(listenPacket),
    missed: () => sockets.reduce((sum, { fd }) => sum + packetDrops(fd), 0),
    outgrown: () => false,
    close: () => {
      close(drop);
      closePacketQueues(sockets);
    },
  };
}

function openSockets(live: Live, link: LinkInfo, workers: readonly number[]): PassedSockets {
  const queues = openPacketQueues(live.name, link.index, workers.length);
  try {
    return { queues, drop: dropIngress(live.name, link.index), places: [] };
  } catch (error) {
    closePacketQueues(queues);
    throw error;
  }
}
