/**
 * The control socket: HTTP over a unix socket of mode 0600. `POST /command {words, json, files}` answers `{output}` or
 * `{code, message}`; smrctl is its client.
 */
import { chmodSync, existsSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { asControlError, ControlError } from '../errors.js';

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

/**
 * Listens on `path`; `run` answers commands. A socket left by a dead daemon is replaced, one that answers is EBUSY. Throws
 * ControlError.
 */
export async function listenControl(
  path: string,
  run: (words: readonly string[], json: boolean, files: Readonly<Record<string, string>>) => Promise<string>,
): Promise<FastifyInstance> {
  if (existsSync(path)) {
    if (await answers(path)) throw new ControlError('EBUSY', `${path}: another smrouterd answers there`);
    unlinkSync(path);
  }
  const server = fastify({ bodyLimit: BODY_LIMIT, ajv: { customOptions: { coerceTypes: false } } });
  server.post<{ Body: CommandBody }>('/command', { schema: { body: COMMAND } }, async (request, reply) => {
    try {
      return { output: await run(request.body.words, request.body.json, request.body.files) };
    } catch (error) {
      const { code, message } = asControlError(error);
      return reply.status(422).send({ code, message });
    }
  });
  const mask = process.umask(0o177);
  try {
    await server.listen({ path });
  } finally {
    process.umask(mask);
  }
  chmodSync(path, 0o600);
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
