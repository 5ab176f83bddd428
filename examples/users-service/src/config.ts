import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';

const environment = z.object({
  DATABASE_URL: z.string(),
  GATEWAY_URL: z.url(),
  GATEWAY_TOKEN_FILE: z.string().optional(),
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().default(0),
});

/** How this process is set up. */
export function readConfig(env: NodeJS.ProcessEnv) {
  const { DATABASE_URL, GATEWAY_URL, GATEWAY_TOKEN_FILE, HOST, PORT } = environment.parse(env);
  const headers: Record<string, string> =
    GATEWAY_TOKEN_FILE === undefined
      ? {}
      : { authorization: `Bearer ${readFileSync(GATEWAY_TOKEN_FILE, 'utf8').trim()}` };
  return {
    databaseUrl: DATABASE_URL,
    gateway: { url: GATEWAY_URL.replace(/\/$/, ''), headers },
    host: HOST,
    port: PORT,
    service: 'users-service',
    // A process that comes back is another instance: what the former one acknowledged says nothing of it.
    instance: `${hostname().replaceAll(/[^A-Za-z0-9-]/g, '-')}-${process.pid}-${randomUUID().slice(0, 8)}`,
  };
}
