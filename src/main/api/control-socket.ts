/**
 * The control socket: HTTP over a unix socket. `POST /command {words, json, files}` answers `{output}` or `{code, message}`;
 * smrctl is its client. Mode 0600; where groups may use it, 0666, and who is at the other end decides (access.ts).
 */
import { chmodSync, existsSync, unlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import type { CaptureStreams } from '../control/capture-streams.js';
import { asControlError, ControlError } from '../errors.js';
import { type AccessGroups, NO_GROUPS, type Role, roleOfSocket } from './access.js';
import { serveCaptures } from './capture-api.js';

/** Most words of a command, and bytes of a request: rule files come through here too. */
const BODY_LIMIT = 8 << 20;
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
 * ControlError. `streams`, if given, are served too.
 */
export async function listenControl(
  path: string,
  run: RunCommand,
  groups: AccessGroups = NO_GROUPS,
  streams?: CaptureStreams,
): Promise<FastifyInstance> {
  if (existsSync(path)) {
    if (await answers(path)) throw new ControlError('EBUSY', `${path}: another smrouterd answers there`);
    unlinkSync(path);
  }
  const server = fastify({ bodyLimit: BODY_LIMIT, ajv: { customOptions: { coerceTypes: false } } });
  const roles = new WeakMap<Socket, Role>();
  server.server.on('connection', (socket: Socket) => {
    roles.set(socket, roleOfSocket(socket, groups));
  });
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
  } finally {
    process.umask(mask);
  }
  chmodSync(path, groups.admin === -1 && groups.reader === -1 ? 0o600 : 0o666);
  return server;
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
