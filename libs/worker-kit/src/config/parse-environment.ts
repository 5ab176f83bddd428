import { readFileSync } from 'node:fs';
import { CodedError, nearestName } from '@switchyard/contracts';
import type { Values, Variable, Variables } from './variable.js';
import { NAMES_OF_OTHER_PARTS, WORKER_VARIABLES } from './worker-variables.js';

/** What a worker reads from its environment: {@link WORKER_VARIABLES} and those that its app adds. */
export type WorkerConfig<V extends Variables = Variables> = Values<typeof WORKER_VARIABLES> & Values<V>;

/** Environment names of secrets that are parsed elsewhere, but must not be written to a log. */
const SECRETS_OF_OTHERS =
  /^(DB_PASSWORD_\w+|TEMPORAL_API_KEY|TEMPORAL_TLS_CLIENT_KEY_DATA|VAULT_TOKEN|SWITCHYARD_GATEWAY_TOKEN)$/;

/** The parsed configuration, and the secrets in the environment, for the masker of the worker. */
export interface ParsedEnvironment<V extends Variables> {
  readonly config: WorkerConfig<V>;
  readonly secrets: readonly string[];
}

/**
 * Parses the environment of a worker. Throws InvalidInput that names every problem at once: a value that does not
 * parse (a secret one is not shown), a `_FILE` that cannot be read, an unknown SWITCHYARD_ name with the nearest
 * known one. An empty value counts as not set.
 */
export function parseEnvironment<const V extends Variables>(
  env: NodeJS.ProcessEnv,
  own: V,
  alsoKnown: readonly string[] = [],
): ParsedEnvironment<V> {
  const variables: Variables = { ...WORKER_VARIABLES, ...own };
  const problems = unknownNames(env, Object.values(variables), alsoKnown);
  const config: Record<string, unknown> = {};
  const secrets: string[] = [];
  for (const [key, variable] of Object.entries(variables)) {
    try {
      const text = readVariable(env, variable);
      if (variable.secret && text !== undefined) secrets.push(text);
      const parsed = variable.schema.safeParse(text);
      if (parsed.success) config[key] = parsed.data;
      else problems.push(...parsed.error.issues.map(({ message }) => `${variable.name}: ${message}`));
    } catch (error) {
      problems.push(`${variable.name}_FILE: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  for (const [name, value] of Object.entries(env)) {
    if (value && SECRETS_OF_OTHERS.test(name)) secrets.push(value);
  }
  const { shutdownGrace: grace, shutdownForce: force } = config;
  if (typeof grace === 'number' && typeof force === 'number' && force <= grace) {
    problems.push('SWITCHYARD_SHUTDOWN_FORCE: must be longer than SWITCHYARD_SHUTDOWN_GRACE');
  }
  if (problems.length > 0) {
    throw new CodedError('InvalidInput', `the environment is wrong:\n  ${problems.join('\n  ')}`, {
      details: { problems },
    });
  }
  return { config: config as WorkerConfig<V>, secrets };
}

const hasFileForm = (variable: Variable): boolean => variable.fileForm ?? variable.secret ?? false;

function readVariable(env: NodeJS.ProcessEnv, variable: Variable): string | undefined {
  const direct = env[variable.name] || undefined;
  const file = hasFileForm(variable) ? env[`${variable.name}_FILE`] || undefined : undefined;
  if (file === undefined) return direct;
  if (direct !== undefined) throw new Error(`give either ${variable.name} or ${variable.name}_FILE, not both`);
  return readFileSync(file, 'utf8').trim() || undefined;
}

function unknownNames(env: NodeJS.ProcessEnv, variables: readonly Variable[], alsoKnown: readonly string[]): string[] {
  const known = new Set([
    ...variables.flatMap((variable) => [variable.name, ...(hasFileForm(variable) ? [`${variable.name}_FILE`] : [])]),
    ...NAMES_OF_OTHER_PARTS,
    ...alsoKnown,
  ]);
  // Secrets may be given under a prefix that begins like our own names.
  const prefix = env['SWITCHYARD_SECRET_ENV_PREFIX'] || undefined;
  return Object.keys(env)
    .filter((name) => name.startsWith('SWITCHYARD_') && !known.has(name))
    .filter((name) => prefix === undefined || !name.startsWith(prefix))
    .map((name) => {
      const nearest = nearestName(name, known);
      return `${name}: unknown variable${nearest ? `; did you mean ${nearest}?` : ''}`;
    });
}

/** One variable as a reference page lists it. */
export interface VariableReference {
  readonly name: string;
  readonly description: string;
  readonly default?: string;
  readonly required: boolean;
  readonly secret: boolean;
  /** Whether `<name>_FILE` may name a file with the value. */
  readonly fileForm: boolean;
}

/** The variables of a worker, for a generated reference page: those that all workers know, then those given. */
export function variableReference(own: Variables = {}): VariableReference[] {
  return Object.values<Variable>({ ...WORKER_VARIABLES, ...own }).map((variable) => ({
    name: variable.name,
    description: variable.description,
    ...(variable.default === undefined ? {} : { default: variable.default }),
    required: !variable.schema.safeParse(undefined).success,
    secret: variable.secret ?? false,
    fileForm: hasFileForm(variable),
  }));
}
