import type { DatabaseVariable } from '../config/variables.js';

const optional = (name: string, description: string, preset?: string, secret = false): DatabaseVariable => ({
  name,
  description,
  required: false,
  secret,
  ...(preset === undefined ? {} : { default: preset }),
});

/** Every variable that `secretsFromEnv` and `parseDatabases` read, for a reference page. Only VAULT_TOKEN has a `_FILE` form. */
export const SECRET_VARIABLES: readonly DatabaseVariable[] = [
  optional(
    'SWITCHYARD_SECRET_CHAIN',
    'Where secrets are read, in this order: a comma list of env, file and vault.',
    'env,file',
  ),
  optional('SWITCHYARD_SECRET_ENV_PREFIX', 'What stands before a secret name in an environment variable.', 'SECRET_'),
  optional('SWITCHYARD_SECRET_DIR', 'Directory with one file per secret.', '/run/secrets'),
  optional('SWITCHYARD_DATABASES', 'The named connections: JSON, or the path of a JSON file.'),
  optional('VAULT_ADDR', 'Address of the Vault server.'),
  optional('VAULT_TOKEN', 'Token to sign in with.', undefined, true),
  optional('VAULT_TOKEN_FILE', 'File that holds the token.'),
  optional('VAULT_NAMESPACE', 'Enterprise namespace.'),
  optional('VAULT_KUBERNETES_ROLE', 'Vault role to sign in with by the service account, where there is no token.'),
  optional('VAULT_KUBERNETES_MOUNT', 'Mount of the Kubernetes auth method.', 'kubernetes'),
  optional(
    'VAULT_KUBERNETES_JWT_FILE',
    "File with the service account's token.",
    '/var/run/secrets/kubernetes.io/serviceaccount/token',
  ),
  optional('VAULT_KV_MOUNT', 'Mount of the key-value engine, version 2.', 'secret'),
  optional('VAULT_KV_PATH', 'Path below the mount whose fields are the secrets.', 'switchyard'),
];
