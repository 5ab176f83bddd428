import type { SecretProvider } from './provider.js';

/** Options of {@link envSecrets}. */
export interface EnvSecretsOptions {
  /** The environment to read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What stands before the name. Default: `SECRET_`. */
  readonly prefix?: string;
}

/**
 * Secrets in environment variables: `db-password` is `SECRET_DB_PASSWORD`.
 * An empty variable counts as missing, because orchestrators write one for a key that is not there.
 */
export function envSecrets({ env, prefix = 'SECRET_' }: EnvSecretsOptions): SecretProvider {
  const variable = (name: string): string => prefix + name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
  return {
    name: 'env',
    whereIs: variable,
    read: (name) => Promise.resolve(env[variable(name)] || undefined),
  };
}
