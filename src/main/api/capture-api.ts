/**
 * Live captures over the control socket: `POST /capture` answers with a pcapng section as it is made, `DELETE /capture/ID` ends it in
 * order. A capture also ends when its client leaves.
 */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { CaptureStreams, StreamRequest } from '../control/capture-streams.js';
import type { Shown } from '../control/captures.js';
import { asControlError, ControlError } from '../errors.js';
import type { Role } from './access.js';
import { CAPTURE_END, CAPTURE_ID, CAPTURE_LINK } from './capture-headers.js';

const REQUEST = {
  type: 'object',
  required: ['interface', 'link', 'direction', 'snap', 'fildrop', 'filter'],
  additionalProperties: false,
  properties: {
    interface: { type: 'string', maxLength: 64 },
    link: { enum: ['', 'EN10MB', 'LOOP', 'RAW', 'TRACE'] },
    direction: { enum: ['', 'in', 'out'] },
    snap: { type: 'integer', minimum: 1, maximum: 262_144 },
    fildrop: { enum: ['pass', 'capture', 'drop'] },
    filter: { type: 'string', maxLength: 65_536 },
  },
} as const;

/** Serves captures on the control socket; `roleOf` says who is at the other end of a connection. */
export function serveCaptures(
  server: FastifyInstance,
  streams: CaptureStreams,
  roleOf: (socket: Socket) => Role,
): void {
  const refuse = (socket: Socket): void => {
    // A capture sees what passes, and may drop it.
    if (roleOf(socket) !== 'admin') throw new ControlError('EPERM', 'captures are for administrators');
  };
  server.post<{ Body: CaptureBody }>('/capture', { schema: { body: REQUEST } }, async (request, reply) => {
    try {
      refuse(request.raw.socket);
      const stream = await streams.open(streamRequest(request.body));
      reply.hijack();
      const { raw } = reply;
      const stop = (): void => {
        // Nobody reads what is left, so the writer need not wait for it.
        stream.data.destroy();
        stream.stop().catch(() => {});
      };
      raw.on('close', stop);
      raw.on('error', stop);
      raw.writeHead(200, {
        'content-type': 'application/x-pcapng',
        trailer: CAPTURE_END,
        [CAPTURE_ID]: String(stream.id),
        [CAPTURE_LINK]: stream.link,
      });
      stream.data.on('error', () => raw.destroy());
      stream.data.on('end', () => {
        const why = stream.ended();
        if (why !== '') raw.addTrailers({ [CAPTURE_END]: why });
        raw.end();
        stream.data.end();
      });
      stream.data.pipe(raw, { end: false });
      if (raw.destroyed) stop();
      return reply;
    } catch (error) {
      const { code, message } = asControlError(error);
      return reply.status(422).send({ code, message });
    }
  });
  // Traces name interfaces by their index.
  server.get('/interfaces', async (request, reply) => {
    try {
      refuse(request.raw.socket);
      return streams.interfaces();
    } catch (error) {
      const { code, message } = asControlError(error);
      return reply.status(422).send({ code, message });
    }
  });
  server.delete<{ Params: { id: string } }>('/capture/:id', async (request, reply) => {
    try {
      refuse(request.raw.socket);
      const stream = streams.find(Number(request.params.id));
      if (stream === undefined) throw new ControlError('ESRCH', `${request.params.id}: no such capture`);
      await stream.stop();
      return reply.status(204).send();
    } catch (error) {
      const { code, message } = asControlError(error);
      return reply.status(422).send({ code, message });
    }
  });
  // A server closes once its connections have ended, and these end with their captures.
  server.addHook('preClose', () => streams.close());
}

interface CaptureBody extends Omit<StreamRequest, 'link' | 'direction'> {
  readonly link: '' | Shown;
  readonly direction: '' | 'in' | 'out';
}

function streamRequest({ link, direction, ...rest }: CaptureBody): StreamRequest {
  return {
    ...rest,
    link: link === '' ? undefined : link,
    ...(direction === '' ? {} : { direction }),
  };
}
