import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '@switchyard/worker-kit';
import type { FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';

/** The HTTP server of the gateway, or a part of it with hooks of its own; bodies and answers are typed by their schemas. */
export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, Log, ZodTypeProvider>;
