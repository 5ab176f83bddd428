import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { CodedError, nearestName, parseOrThrow, secretRefSchema } from '@switchyard/contracts';
import { Secret } from '../secret.js';
import { readSecretFile } from '../secrets/get-secret.js';
import type { Secrets } from '../secrets/secrets.js';
import type { Env } from './database-config.js';
import type { DatabaseConnection } from './database-connection.js';
import { SSL_MODES, type SslSettings } from './ssl.js';

const sslSchema = z
  .strictObject({
    mode: z.enum(SSL_MODES).default('disable'),
    caFile: z.string().min(1).optional(),
    certFile: z.string().min(1).optional(),
    keyFile: z.string().min(1).optional(),
  })
  .refine(
    (ssl) => (ssl.certFile === undefined) === (ssl.keyFile === undefined),
    'certFile and keyFile belong together',
  );

/** One entry of SWITCHYARD_DATABASES. */
export const databaseEntrySchema = z
  .strictObject({
    host: z.string().min(1),
    port: z.int().min(1).max(65_535).default(5_432),
    database: z.string().min(1),
    user: z.string().min(1),
    password: secretRefSchema.optional().meta({ description: 'Reference to the password, {"$secret": "name"}' }),
    passwordFile: z.string().min(1).optional().meta({ description: 'File that holds the password' }),
    passwordEnv: z.string().min(1).optional().meta({ description: 'Environment variable that holds the password' }),
    ssl: sslSchema.default({ mode: 'disable' }),
    pooler: z.enum(['none', 'pgbouncer']).default('none'),
  })
  .refine(
    (entry) =>
      [entry.password, entry.passwordFile, entry.passwordEnv].filter((given) => given !== undefined).length <= 1,
    'has more than one of password, passwordFile and passwordEnv; keep one',
  )
  .meta({ id: 'DatabaseEntry', description: 'A named connection' });

export type DatabaseEntry = z.output<typeof databaseEntrySchema>;

/** The named connections of a worker. */
export interface NamedDatabases {
  readonly names: readonly string[];
  /** The connection of that name with its password. NotFound for an unknown name (with the nearest known one) or a missing password. */
  resolve(name: string): Promise<DatabaseConnection>;
}

/**
 * Reads SWITCHYARD_DATABASES: JSON, or the path of a JSON file. Passwords are read when a connection is resolved.
 * An entry without any password has an empty one, for servers that trust or use client certificates.
 */
export function parseDatabases(env: Env, secrets: Secrets): NamedDatabases {
  const entries = readEntries(env['SWITCHYARD_DATABASES']);
  const names = Object.keys(entries);
  return {
    names,
    async resolve(name) {
      const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
      if (!entry) {
        const near = nearestName(name, names);
        const hint = near
          ? `did you mean "${near}"?`
          : names.length > 0
            ? `known: ${names.join(', ')}`
            : 'SWITCHYARD_DATABASES names none';
        throw new CodedError('NotFound', `No connection "${name}"; ${hint}`, { details: { connection: name } });
      }
      return {
        host: entry.host,
        port: entry.port,
        database: entry.database,
        user: entry.user,
        password: await passwordOf(name, entry, env, secrets, false),
        renewPassword: () => passwordOf(name, entry, env, secrets, true),
        ssl: await sslOf(name, entry),
        pooler: entry.pooler,
      };
    },
  };
}

function readEntries(setting: string | undefined): Readonly<Record<string, DatabaseEntry>> {
  if (!setting) return {};
  const inline = setting.trimStart().startsWith('{');
  let text = setting;
  if (!inline) {
    try {
      text = readFileSync(setting, 'utf8');
    } catch (error) {
      throw new CodedError('InvalidInput', `SWITCHYARD_DATABASES names the file ${setting}, which cannot be read`, {
        cause: error,
      });
    }
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may hold a password written by mistake.
    throw new CodedError('InvalidInput', `SWITCHYARD_DATABASES ${inline ? 'is' : `(${setting}) is`} not valid JSON`);
  }
  refuseInlinePasswords(json);
  return parseOrThrow(z.record(z.string().min(1), databaseEntrySchema), json, 'SWITCHYARD_DATABASES');
}

/** Said before the schema speaks, whose message would show the value. */
function refuseInlinePasswords(json: unknown): void {
  if (typeof json !== 'object' || json === null) return;
  for (const [name, entry] of Object.entries(json as Record<string, unknown>)) {
    const password: unknown =
      typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>)['password'] : undefined;
    if (typeof password !== 'string') continue;
    throw new CodedError(
      'InvalidInput',
      `SWITCHYARD_DATABASES: ${name}.password is in clear text; write {"$secret": "name"}, passwordFile or passwordEnv`,
    );
  }
}

async function passwordOf(
  name: string,
  entry: DatabaseEntry,
  env: Env,
  secrets: Secrets,
  fresh: boolean,
): Promise<Secret> {
  if (entry.password) return secrets.get(entry.password.$secret, { fresh });
  if (entry.passwordFile !== undefined)
    return readSecretFile(`passwordFile of the connection "${name}"`, entry.passwordFile);
  if (entry.passwordEnv === undefined) return new Secret('');
  const value = env[entry.passwordEnv];
  if (value) return new Secret(value);
  throw new CodedError(
    'NotFound',
    `The connection "${name}" takes its password from ${entry.passwordEnv}, which is not set`,
  );
}

async function sslOf(name: string, { ssl }: DatabaseEntry): Promise<SslSettings> {
  const pem = async (field: 'caFile' | 'certFile' | 'keyFile'): Promise<Secret | undefined> => {
    const file = ssl[field];
    return file === undefined ? undefined : readSecretFile(`ssl.${field} of the connection "${name}"`, file);
  };
  const [ca, cert, key] = await Promise.all([pem('caFile'), pem('certFile'), pem('keyFile')]);
  return {
    mode: ssl.mode,
    ...(ca ? { ca: ca.reveal() } : {}),
    ...(cert ? { cert: cert.reveal() } : {}),
    ...(key ? { key } : {}),
  };
}
