import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { CodedError, durationMs, nearestName, parse } from '@switchyard/contracts';
import { Secret } from '../secret.js';
import { stripLineBreak } from '../secrets/file-provider.js';
import { SSL_MODES, type SslSettings } from './ssl.js';
import { DATABASE_VARIABLES, REPLACED_VARIABLES } from './variables.js';

/** The environment that a configuration is read from. */
export type Env = Readonly<Record<string, string | undefined>>;

/** A password of the configuration: given, in a file that is read at every connect (so that rotation needs no restart), or to be asked of the secrets. */
export type PasswordSetting =
  | { readonly from: 'value'; readonly secret: Secret }
  | { readonly from: 'file'; readonly variable: string; readonly file: string }
  | { readonly from: 'secrets'; readonly name: string };

/** One end point with a user. */
export interface DatabaseLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: PasswordSetting;
}

/** Pool settings; times in milliseconds. */
export interface PoolSettings {
  readonly min: number;
  /** Undefined: the default of the role. */
  readonly max?: number;
  readonly acquireTimeoutMs: number;
  readonly createTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxLifetimeMs: number;
}

/** Time-outs that the server enforces, in milliseconds; 0 is none. */
export interface ServerTimeouts {
  readonly statementMs: number;
  readonly lockMs: number;
  readonly idleInTransactionMs: number;
}

/** The configuration of Switchyard's own database, as {@link parseDatabaseConfig} returns it. Printing it shows no secret. */
export interface DatabaseConfig {
  readonly database: string;
  readonly server: DatabaseLogin;
  /** Undefined when DB_USER_ADMIN is not set: the admin and migrator roles are then refused. */
  readonly admin?: DatabaseLogin;
  readonly pool: PoolSettings;
  readonly ssl: SslSettings;
  readonly timeouts: ServerTimeouts;
  readonly pooler: 'none' | 'pgbouncer';
  /** Whether the admin connections pass the pooler too, because neither DB_HOST_ADMIN nor DB_PORT_ADMIN is set. */
  readonly adminUsesPooler: boolean;
}

const port = (preset?: number): z.ZodType<number, string | undefined> =>
  z
    .string()
    .optional()
    .transform((text, ctx) => {
      if (text === undefined && preset !== undefined) return preset;
      const value = Number(text);
      if (text !== undefined && Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
      ctx.addIssue({ code: 'custom', message: `"${text ?? ''}" is not a port; write a number from 1 to 65535` });
      return z.NEVER;
    });

const count = (least: number): z.ZodType<number, string> =>
  z.string().transform((text, ctx) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least) return value;
    ctx.addIssue({ code: 'custom', message: `"${text}" is not a whole number of at least ${least}` });
    return z.NEVER;
  });

/** A duration; a bare number is milliseconds, as PostgreSQL and the earlier DB_POOL_* variables have it. */
const duration = (preset: string): z.ZodType<number, string | undefined> =>
  z
    .string()
    .default(preset)
    .transform((text, ctx) => {
      const ms = /^\d+$/.test(text) ? Number(text) : durationMs(text);
      if (ms !== undefined) return ms;
      ctx.addIssue({ code: 'custom', message: `"${text}" is not a duration; write for example 500ms, 30s or 15m` });
      return z.NEVER;
    });

const schema = z.object({
  DB_HOST: z.string(),
  DB_PORT: port(5_432),
  DB_NAME_SERVER: z.string(),
  DB_USER_SERVER: z.string(),
  DB_PASSWORD_SERVER: z.string().optional(),
  DB_USER_ADMIN: z.string().optional(),
  DB_PASSWORD_ADMIN: z.string().optional(),
  DB_HOST_ADMIN: z.string().optional(),
  DB_PORT_ADMIN: port().optional(),
  DB_POOL_MIN: count(0).default(0),
  DB_POOL_MAX: count(1).optional(),
  DB_POOL_ACQUIRE_TIMEOUT: duration('10s'),
  DB_POOL_CREATE_TIMEOUT: duration('10s'),
  DB_POOL_IDLE_TIMEOUT: duration('30s'),
  DB_POOL_MAX_LIFETIME: duration('30m'),
  DB_SSL_MODE: z.enum(SSL_MODES).default('disable'),
  DB_SSL_CA: z.string().optional(),
  DB_SSL_CERT: z.string().optional(),
  DB_SSL_KEY: z.string().optional(),
  DB_STATEMENT_TIMEOUT: duration('30s'),
  DB_LOCK_TIMEOUT: duration('10s'),
  DB_IDLE_IN_TX_TIMEOUT: duration('1m'),
  DB_POOLER: z.enum(['none', 'pgbouncer']).default('none'),
});

type Values = z.output<typeof schema>;

/**
 * Reads the DB_* configuration. Every problem is named at once in one InvalidInput: missing and malformed values, unknown
 * DB_* names with the nearest known one, names of the earlier connection code with their replacement.
 */
export function parseDatabaseConfig(env: Env): DatabaseConfig {
  const problems = [...refusedNames(env)];
  const { values, files } = readValues(env, problems);
  const parsed = parse(schema, values);
  if (!parsed.ok) {
    // parse() shows the given value, which is right for all of these but the secrets; those have no rule that could fail.
    problems.push(...parsed.problems.map((p) => `${p.path} ${p.message}`));
  }
  if (!parsed.ok || problems.length > 0) {
    throw new CodedError('InvalidInput', `Database configuration: ${problems.join('; ')}`, { details: { problems } });
  }
  const value = parsed.value;
  problems.push(...contradictions(value));
  if (problems.length > 0) {
    throw new CodedError('InvalidInput', `Database configuration: ${problems.join('; ')}`, { details: { problems } });
  }
  return assemble(value, files);
}

const KNOWN = DATABASE_VARIABLES.map((variable) => variable.name);

function* refusedNames(env: Env): Generator<string> {
  for (const name of Object.keys(env)) {
    if (name.startsWith('ALGA_DB_')) {
      const replacement = REPLACED_VARIABLES[name];
      yield `${name} is no longer read; ${replacement ? `set ${replacement} instead` : 'the variables are now named DB_*'}`;
    } else if (name.startsWith('DB_')) {
      const base = name.replace(/_FILE$/, '');
      if (KNOWN.includes(base)) continue;
      const near = nearestName(base, KNOWN);
      yield `${name} is not a known variable; ${near ? `did you mean ${near}?` : 'see the list of DB_* variables'}`;
    }
  }
}

/** Values by name, from the variables or their _FILE forms. Empty counts as not set, because orchestrators write empty ones. */
function readValues(
  env: Env,
  problems: string[],
): { values: Record<string, string>; files: ReadonlyMap<string, string> } {
  const values: Record<string, string> = {};
  const files = new Map<string, string>();
  for (const name of KNOWN) {
    const direct = env[name];
    const file = env[`${name}_FILE`];
    if (direct && file) problems.push(`${name} and ${name}_FILE are both set; remove one`);
    else if (direct) values[name] = direct;
    else if (file) {
      try {
        values[name] = stripLineBreak(readFileSync(file, 'utf8'));
        files.set(name, file);
      } catch {
        problems.push(`${name}_FILE names ${file}, which cannot be read`);
      }
    }
  }
  return { values, files };
}

function* contradictions(value: Values): Generator<string> {
  if (value.DB_POOL_MAX !== undefined && value.DB_POOL_MIN > value.DB_POOL_MAX) {
    yield `DB_POOL_MIN (${value.DB_POOL_MIN}) is larger than DB_POOL_MAX (${value.DB_POOL_MAX})`;
  }
  if ((value.DB_SSL_CERT === undefined) !== (value.DB_SSL_KEY === undefined)) {
    yield 'DB_SSL_CERT and DB_SSL_KEY belong together; set both or neither';
  }
  if (value.DB_SSL_MODE === 'disable' && (value.DB_SSL_CA !== undefined || value.DB_SSL_CERT !== undefined)) {
    yield 'DB_SSL_CA or DB_SSL_CERT is set while DB_SSL_MODE is disable; set DB_SSL_MODE to verify-full';
  }
}

function assemble(value: Values, files: ReadonlyMap<string, string>): DatabaseConfig {
  const password = (name: 'DB_PASSWORD_SERVER' | 'DB_PASSWORD_ADMIN', secretName: string): PasswordSetting => {
    const file = files.get(name);
    if (file !== undefined) return { from: 'file', variable: `${name}_FILE`, file };
    const given = value[name];
    return given === undefined ? { from: 'secrets', name: secretName } : { from: 'value', secret: new Secret(given) };
  };
  return {
    database: value.DB_NAME_SERVER,
    server: {
      host: value.DB_HOST,
      port: value.DB_PORT,
      user: value.DB_USER_SERVER,
      password: password('DB_PASSWORD_SERVER', 'db-password-server'),
    },
    ...(value.DB_USER_ADMIN === undefined
      ? {}
      : {
          admin: {
            host: value.DB_HOST_ADMIN ?? value.DB_HOST,
            port: value.DB_PORT_ADMIN ?? value.DB_PORT,
            user: value.DB_USER_ADMIN,
            password: password('DB_PASSWORD_ADMIN', 'db-password-admin'),
          },
        }),
    pool: {
      min: value.DB_POOL_MIN,
      ...(value.DB_POOL_MAX === undefined ? {} : { max: value.DB_POOL_MAX }),
      acquireTimeoutMs: value.DB_POOL_ACQUIRE_TIMEOUT,
      createTimeoutMs: value.DB_POOL_CREATE_TIMEOUT,
      idleTimeoutMs: value.DB_POOL_IDLE_TIMEOUT,
      maxLifetimeMs: value.DB_POOL_MAX_LIFETIME,
    },
    ssl: {
      mode: value.DB_SSL_MODE,
      ...(value.DB_SSL_CA === undefined ? {} : { ca: value.DB_SSL_CA }),
      ...(value.DB_SSL_CERT === undefined ? {} : { cert: value.DB_SSL_CERT }),
      ...(value.DB_SSL_KEY === undefined ? {} : { key: new Secret(value.DB_SSL_KEY) }),
    },
    timeouts: {
      statementMs: value.DB_STATEMENT_TIMEOUT,
      lockMs: value.DB_LOCK_TIMEOUT,
      idleInTransactionMs: value.DB_IDLE_IN_TX_TIMEOUT,
    },
    pooler: value.DB_POOLER,
    adminUsesPooler:
      value.DB_POOLER === 'pgbouncer' && value.DB_HOST_ADMIN === undefined && value.DB_PORT_ADMIN === undefined,
  };
}
