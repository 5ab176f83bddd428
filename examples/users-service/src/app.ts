import { randomUUID } from 'node:crypto';
import { fastify, type FastifyInstance } from 'fastify';
import { z, ZodError } from 'zod';
import { LeaseLostError } from './flags/lease.js';
import type { Participant } from './flags/participant.js';
import type { Users } from './users/users.js';

const text = z.string().refine((value) => value.trim() !== '', 'must not be blank');
const params = z.object({ id: z.uuid() });
const newUser = z.object({ id: z.uuid().default(() => randomUUID()), name: text, email: text });

/** The HTTP side: every request goes by flags that are evaluated once, for the user that it is about. */
export function createApp(participant: Participant, users: Users): FastifyInstance {
  const app = fastify({ logger: { level: process.env['LOG_LEVEL'] ?? 'warn' } });

  app.get('/live', () => ({ status: 'live' }));
  app.get('/ready', (_request, reply) => reply.status(participant.lease.isHeld() ? 200 : 503).send());

  app.post('/users', async (request, reply) => {
    const user = newUser.parse(request.body);
    await participant.serve(user.id, (flags) => users.create(flags, user));
    return reply.status(201).send({ id: user.id });
  });

  app.get('/users/:id', async (request, reply) => {
    const { id } = params.parse(request.params);
    const user = await participant.serve(id, (flags) => users.read(flags, id));
    return user ?? reply.status(404).send({ message: `there is no user ${id}` });
  });

  app.put('/users/:id/name', async (request, reply) => {
    const { id } = params.parse(request.params);
    const { name } = z.object({ name: text }).parse(request.body);
    const isKnown = await participant.serve(id, (flags) => users.rename(flags, id, name));
    return reply.status(isKnown ? 204 : 404).send();
  });

  app.put('/users/:id/email', async (request, reply) => {
    const { id } = params.parse(request.params);
    const { email } = z.object({ email: text }).parse(request.body);
    const isKnown = await participant.serve(id, () => users.changeEmail(id, email));
    return reply.status(isKnown ? 204 : 404).send();
  });

  app.delete('/users/:id', async (request, reply) => {
    const { id } = params.parse(request.params);
    const isKnown = await participant.serve(id, () => users.remove(id));
    return reply.status(isKnown ? 204 : 404).send();
  });

  app.setErrorHandler((error, request, reply) => {
    if (error instanceof LeaseLostError) return reply.status(503).send({ message: error.message });
    if (error instanceof ZodError) return reply.status(400).send({ message: z.prettifyError(error) });
    if (isDuplicate(error)) return reply.status(409).send({ message: 'there is a user with this id or email' });
    request.log.error({ err: error }, 'the request failed');
    return reply.status(500).send({ message: 'something went wrong' });
  });
  return app;
}

/** SQLSTATE unique_violation. */
const isDuplicate = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === '23505';
