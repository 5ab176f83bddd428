import { readFileSync } from 'node:fs';
import { CodedError, nearestName } from '@switchyard/contracts';
import { Secret } from '../secret.js';
import { envSecrets } from './env-provider.js';
import { fileSecrets, stripLineBreak } from './file-provider.js';
import type { SecretProvider } from './provider.js';
import { createSecrets, type Secrets } from './secrets.js';
import type { VaultAuth } from './vault-session.js';
import { vaultSecrets } from './vault-provider.js';

type Env = Readonly<Record<string, string | undefined>>;

const PROVIDERS = ['env', 'file', 'vault'] as const;

/**
 * Opens the chain that the environment names: SWITCHYARD_SECRET_CHAIN (default `env,file`), SWITCHYARD_SECRET_ENV_PREFIX,
 * SWITCHYARD_SECRET_DIR, and for Vault VAULT_ADDR with VAULT_TOKEN, VAULT_TOKEN_FILE or VAULT_KUBERNETES_ROLE.
 */
export function secretsFromEnv(env: Env): Secrets {
  const names = (env['SWITCHYARD_SECRET_CHAIN'] || 'env,file').split(',').map((name) => name.trim());
  return createSecrets({ chain: names.map((name) => providerNamed(name, env)) });
}

function providerNamed(name: string, env: Env): SecretProvider {
  switch (name) {
    case 'env': {
      const prefix = env['SWITCHYARD_SECRET_ENV_PREFIX'];
      return envSecrets({ env, ...(prefix === undefined ? {} : { prefix }) });
    }
    case 'file': {
      const directory = env['SWITCHYARD_SECRET_DIR'];
      return fileSecrets(directory ? { directory } : {});
    }
    case 'vault':
      return vaultFromEnv(env);
    default: {
      const near = nearestName(name, PROVIDERS);
      throw new CodedError(
        'InvalidInput',
        `SWITCHYARD_SECRET_CHAIN names the unknown provider "${name}"; ${near ? `did you mean "${near}"?` : `known: ${PROVIDERS.join(', ')}`}`,
      );
    }
  }
}

function vaultFromEnv(env: Env): SecretProvider {
  const address = env['VAULT_ADDR'];
  if (!address || !URL.canParse(address)) {
    throw new CodedError(
      'InvalidInput',
      'SWITCHYARD_SECRET_CHAIN names vault, and VAULT_ADDR is not a URL; set it, for example to https://vault:8200',
    );
  }
  const mount = env['VAULT_KV_MOUNT'];
  const path = env['VAULT_KV_PATH'];
  const namespace = env['VAULT_NAMESPACE'];
  return vaultSecrets({
    address,
    auth: vaultAuth(env),
    ...(mount ? { mount } : {}),
    ...(path ? { path } : {}),
    ...(namespace ? { namespace } : {}),
  });
}

function vaultAuth(env: Env): VaultAuth {
  const token = env['VAULT_TOKEN'];
  if (token) return { kind: 'token', token: new Secret(token) };
  const file = env['VAULT_TOKEN_FILE'];
  if (file) {
    try {
      return { kind: 'token', token: new Secret(stripLineBreak(readFileSync(file, 'utf8'))) };
    } catch (error) {
      throw new CodedError('InvalidInput', `VAULT_TOKEN_FILE names ${file}, which cannot be read`, { cause: error });
    }
  }
  const role = env['VAULT_KUBERNETES_ROLE'];
  if (role) {
    const mount = env['VAULT_KUBERNETES_MOUNT'];
    const jwtFile = env['VAULT_KUBERNETES_JWT_FILE'];
    return { kind: 'kubernetes', role, ...(mount ? { mount } : {}), ...(jwtFile ? { jwtFile } : {}) };
  }
  throw new CodedError(
    'InvalidInput',
    'SWITCHYARD_SECRET_CHAIN names vault, and there is no way to sign in; set VAULT_TOKEN, VAULT_TOKEN_FILE or VAULT_KUBERNETES_ROLE',
  );
}
