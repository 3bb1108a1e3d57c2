/**
 * The control socket: HTTP over a unix socket. `POST /command {words, json, files}` answers `{output}` or `{code, message}`;
 * smrctl is its client. Mode 0600; where groups may use it, 0666, and who is at the other end decides (access.ts).
 */
import { chmodSync, existsSync, unlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { CaptureStreams } from '../control/capture-streams.js';
import { asControlError, ControlError } from '../errors.js';
import { type AccessGroups, NO_GROUPS, type Role, roleOfSocket } from './access.js';
import { serveCaptures } from './capture-api.js';
import { Connections, LISTENER_OPTIONS } from './connections.js';

/** Most words of a command, and bytes of a request: rule files come through here too. */
export const BODY_LIMIT = 8 << 20;
/** Bytes of a request of who may only ask, and of all requests that are being received. */
export const READER_BODY_LIMIT = 64 << 10;
export const BODIES_LIMIT = 64 << 20;
const COMMAND = {
  type: 'object',
  required: ['words'],
  additionalProperties: false,
  properties: {
    words: { type: 'array', maxItems: 4096, items: { type: 'string', maxLength: 65536 } },
    json: { type: 'boolean', default: false },
    // Text of the files that the words name, by the name they have there.
    files: { type: 'object', maxProperties: 16, default: {}, additionalProperties: { type: 'string' } },
  },
} as const;

interface CommandBody {
  words: string[];
  json: boolean;
  files: Record<string, string>;
}

/** Runs a command for a client of that role, which is not `nobody`; resolves to what it prints. Rejects with ControlError. */
export type RunCommand = (
  words: readonly string[],
  json: boolean,
  files: Readonly<Record<string, string>>,
  role: Role,
) => Promise<string>;

/**
 * Listens on `path`; `run` answers commands. A socket left by a dead daemon is replaced, one that answers is EBUSY. Throws
 * ControlError. `streams`, if given, are served too, all within the limits of `connections`.
 */
export async function listenControl(
  path: string,
  run: RunCommand,
  groups: AccessGroups = NO_GROUPS,
  streams?: CaptureStreams,
  connections = new Connections('control'),
): Promise<FastifyInstance> {
  if (existsSync(path)) {
    if (await answers(path)) throw new ControlError('EBUSY', `${path}: another smrouterd answers there`);
    unlinkSync(path);
  }
  const server = fastify({
    ...LISTENER_OPTIONS,
    bodyLimit: BODY_LIMIT,
    ajv: { customOptions: { coerceTypes: false } },
  });
  connections.watch(server);
  const roles = new WeakMap<Socket, Role>();
  server.server.on('connection', (socket: Socket) => {
    roles.set(socket, roleOfConnection(socket, groups));
  });
  boundBodies(server, (socket) => roles.get(socket) ?? 'nobody');
  server.post<{ Body: CommandBody }>('/command', { schema: { body: COMMAND } }, async (request, reply) => {
    try {
      const role = roles.get(request.raw.socket) ?? 'nobody';
      if (role === 'nobody') throw new ControlError('EPERM', 'neither root nor of a group that may use this socket');
      return { output: await run(request.body.words, request.body.json, request.body.files, role) };
    } catch (error) {
      const { code, message } = asControlError(error);
      return reply.status(422).send({ code, message });
    }
  });
  if (streams !== undefined) serveCaptures(server, streams, (socket) => roles.get(socket) ?? 'nobody');
  const mask = process.umask(0o177);
  try {
    await server.listen({ path });
  } catch (error) {
    // node gives EACCES for a folder that is not there as well.
    const { code, message } = asControlError(error);
    const why =
      code === 'EACCES' ? 'EACCES; its folder is not there or may not be written to, -s names another' : message;
    throw new ControlError(code, `${path}: ${why}`, error);
  } finally {
    process.umask(mask);
  }
  try {
    chmodSync(path, groups.admin === -1 && groups.reader === -1 ? 0o600 : 0o666);
  } catch (error) {
    await server.close();
    throw asControlError(error);
  }
  return server;
}

/** The role of a client, who may have left already. */
function roleOfConnection(socket: Socket, groups: AccessGroups): Role {
  try {
    return roleOfSocket(socket, groups);
  } catch {
    return 'nobody';
  }
}

/**
 * Refuses bodies before they are received: of no given length, too long for who sends them, or while too much is being received. A client
 * that may do nothing sends none.
 */
function boundBodies(server: FastifyInstance, roleOf: (socket: Socket) => Role): void {
  let receiving = 0;
  const refuse = (reply: FastifyReply, status: number, code: string, message: string): FastifyReply =>
    reply.status(status).header('connection', 'close').send({ code, message });
  server.addHook('onRequest', async ({ raw }, reply) => {
    const length = Number(raw.headers['content-length'] ?? 0);
    const role = roleOf(raw.socket);
    if (role === 'nobody') return refuse(reply, 422, 'EPERM', 'neither root nor of a group that may use this socket');
    if (raw.headers['transfer-encoding'] !== undefined) return refuse(reply, 411, 'EINVAL', 'a body without a length');
    if (length > (role === 'admin' ? BODY_LIMIT : READER_BODY_LIMIT)) {
      return refuse(reply, 413, 'EMSGSIZE', `a request of ${length} bytes is too long`);
    }
    if (receiving + length > BODIES_LIMIT) return refuse(reply, 503, 'EAGAIN', 'too many long requests at once');
    receiving += length;
    let held = true;
    const release = (): void => {
      if (held) receiving -= length;
      held = false;
    };
    reply.raw.once('close', release);
    return undefined;
  });
}

/** Whether somebody accepts connections on the socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
