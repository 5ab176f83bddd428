import { CodedError, nearestName } from '@switchyard/contracts';
import { Secret } from '../secret.js';
import type { DatabaseConnection } from './database-connection.js';
import { SSL_MODES, type SslMode } from './ssl.js';

const PARAMETERS = ['sslmode', 'user', 'password', 'application_name', 'connect_timeout'] as const;

/**
 * Reads a URL such as `postgresql://user:password@host:5432/database?sslmode=require`; also with `postgres:` and the JDBC
 * prefix `jdbc:`, where user and password are parameters. Without `sslmode` there is no TLS. No error repeats the URL,
 * because it holds a password. `application_name` and `connect_timeout` are accepted and left to the pool's own settings.
 */
export function parseDatabaseUrl(url: string): DatabaseConnection {
  const text = url.startsWith('jdbc:') ? url.slice('jdbc:'.length) : url;
  // URL's own error repeats its input, so it is neither shown nor kept as the cause.
  if (!URL.canParse(text)) {
    throw invalid('is not a URL; write postgresql://user@host:5432/database, with special characters percent-encoded');
  }
  const parsed = new URL(text);
  if (parsed.protocol !== 'postgresql:' && parsed.protocol !== 'postgres:') {
    throw invalid('must start with postgresql://');
  }
  for (const name of parsed.searchParams.keys()) {
    if ((PARAMETERS as readonly string[]).includes(name)) continue;
    const near = nearestName(name, PARAMETERS);
    throw invalid(
      `has the unknown parameter "${name}"; ${near ? `did you mean "${near}"?` : `known: ${PARAMETERS.join(', ')}`}`,
    );
  }
  const user = decode(parsed.username, 'user') || parsed.searchParams.get('user');
  const password = decode(parsed.password, 'password') || parsed.searchParams.get('password');
  const database = decode(parsed.pathname.slice(1), 'database');
  if (!parsed.hostname) throw invalid('names no host');
  if (!user) throw invalid('names no user');
  if (!database) throw invalid('names no database; put it after the host: postgresql://user@host/database');
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? 5_432 : Number(parsed.port),
    database,
    user,
    password: new Secret(password ?? ''),
    ssl: { mode: sslMode(parsed.searchParams.get('sslmode')) },
  };
}

function sslMode(given: string | null): SslMode {
  if (given === null) return 'disable';
  // libpq's `allow` tries without TLS first; it protects nothing that `prefer` does not.
  if (given === 'allow') return 'prefer';
  const known = SSL_MODES.find((mode) => mode === given);
  if (!known) throw invalid(`has the unknown sslmode "${given}"; known: ${SSL_MODES.join(', ')}`);
  return known;
}

function decode(part: string, what: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(`has a ${what} that is not percent-encoded; write % as %25`);
  }
}

function invalid(problem: string): CodedError {
  return new CodedError('InvalidInput', `The database URL ${problem}`);
}
