import { z } from 'zod';
import { CodedError } from '@switchyard/contracts';
import { createVaultSession, type VaultAuth } from './vault-session.js';
import type { SecretProvider } from './provider.js';

/** Options of {@link vaultSecrets}. */
export interface VaultSecretsOptions {
  /** The server, such as `https://vault.example.org:8200`. */
  readonly address: string;
  readonly auth: VaultAuth;
  /** Mount of the key-value engine, version 2. Default: `secret`. */
  readonly mount?: string;
  /** Path below the mount whose fields are the secrets. Default: `switchyard`. */
  readonly path?: string;
  /** Enterprise namespace. */
  readonly namespace?: string;
  /** Milliseconds that one request may take. Default: 5 000. */
  readonly timeoutMs?: number;
}

const replySchema = z.object({ data: z.object({ data: z.record(z.string(), z.unknown()).nullable() }) });

/**
 * Secrets in HashiCorp Vault or OpenBao, key-value engine version 2. A name is a field of `path`; `other/path#field`
 * reads a field of another path below the mount. A missing path or field is missing; anything else that is not an answer throws.
 */
export function vaultSecrets(options: VaultSecretsOptions): SecretProvider {
  const { address, mount = 'secret', path = 'switchyard', namespace, timeoutMs = 5_000 } = options;
  const session = createVaultSession({
    address,
    auth: options.auth,
    timeoutMs,
    ...(namespace === undefined ? {} : { namespace }),
  });

  function place(name: string): { readonly path: string; readonly field: string } {
    const at = name.indexOf('#');
    return at < 0 ? { path, field: name } : { path: name.slice(0, at), field: name.slice(at + 1) };
  }

  return {
    name: 'vault',
    whereIs(name) {
      const at = place(name);
      return `${mount}/${at.path}, field ${at.field}`;
    },
    async read(name) {
      const at = place(name);
      const segments = at.path.split('/');
      if (segments.some((segment) => segment === '' || segment === '..' || segment === '.')) return undefined;
      const url = `/v1/${mount}/data/${segments.map(encodeURIComponent).join('/')}`;
      const reply = await session.request(url);
      if (reply.status === 404) return undefined;
      const parsed = replySchema.safeParse(reply.body);
      if (!parsed.success) {
        throw new CodedError(
          'UpstreamFailed',
          `Vault answered ${url} in a shape that is not a key-value version 2 secret; check the mount "${mount}"`,
        );
      }
      const value = parsed.data.data.data?.[at.field];
      if (value === undefined || value === null) return undefined;
      return typeof value === 'string' ? value : JSON.stringify(value);
    },
    close: () => session.close(),
  };
}
