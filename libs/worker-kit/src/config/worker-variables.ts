import path from 'node:path';
import { GIT_PROTOCOLS } from '@switchyard/contracts';
import { z } from 'zod';
import { GATEWAY_VARIABLES } from './gateway-variables.js';
import { parsers, type Variable, type Variables } from './variable.js';

const ARTIFACT_KEY_BYTES = 32;

/** A schema that gives a value where the variable is not set. */
function withDefault<T>(schema: z.ZodType<T | undefined, string | undefined>, preset: () => T) {
  return schema.transform((value): T => value ?? preset());
}

const artifactKey = parsers.text.transform((value, ctx): Uint8Array | undefined => {
  if (value === undefined) return undefined;
  const key = Buffer.from(value, 'base64');
  if (key.length === ARTIFACT_KEY_BYTES) return key;
  const message = `is not ${ARTIFACT_KEY_BYTES} bytes in base64 (it holds ${key.length}); make one with: openssl rand -base64 32`;
  ctx.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const tool = (name: Variable['name'], description: string): Variable<string | undefined> => ({
  name,
  description,
  default: 'sought in PATH',
  schema: parsers.text,
});

/** The variables that every worker knows. Temporal's own TEMPORAL_* and the DB_* names are parsed elsewhere. */
export const WORKER_VARIABLES = {
  projectRoots: {
    name: 'SWITCHYARD_PROJECT_ROOTS',
    description: 'Directories, separated by colons, inside which playbooks, stacks and changelogs may lie.',
    default: 'the working directory',
    schema: withDefault(parsers.list(':'), () => ['.']).transform((roots) => roots.map((root) => path.resolve(root))),
  },
  workDir: {
    name: 'SWITCHYARD_WORK_DIR',
    description: 'Scratch directory of the worker.',
    default: '.switchyard/work below the working directory',
    schema: withDefault(parsers.text, () => path.join('.switchyard', 'work')).transform((dir) => path.resolve(dir)),
  },
  artifactKey: {
    name: 'SWITCHYARD_ARTIFACT_KEY',
    description: 'Key that encrypts artifacts at rest: 32 bytes in base64, the same on every worker.',
    secret: true,
    schema: artifactKey,
  },
  databases: {
    name: 'SWITCHYARD_DATABASES',
    description: 'The named connections: JSON, or the path of a JSON file.',
    schema: parsers.text,
  },
  backupDir: {
    name: 'SWITCHYARD_BACKUP_DIR',
    description: 'Directory for database backups.',
    schema: parsers.text,
  },
  healthHost: {
    name: 'SWITCHYARD_HEALTH_HOST',
    description: 'Address that the health endpoint and the metrics listen on.',
    default: '127.0.0.1',
    schema: withDefault(parsers.text, () => '127.0.0.1'),
  },
  healthPort: {
    name: 'SWITCHYARD_HEALTH_PORT',
    description: 'Port of the health endpoint; 0 takes any free one and logs it.',
    default: '0',
    schema: withDefault(parsers.integer(0, 65_535), () => 0),
  },
  metricsPort: {
    name: 'SWITCHYARD_METRICS_PORT',
    description: 'Port for Prometheus metrics. Not set: none are kept.',
    schema: parsers.integer(1, 65_535),
  },
  logLevel: {
    name: 'SWITCHYARD_LOG_LEVEL',
    description: 'Least severe log line that is written: trace, debug, info, warn, error or fatal.',
    default: 'info',
    schema: withDefault(
      parsers.oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
      (): 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' => 'info',
    ),
  },
  shutdownGrace: {
    name: 'SWITCHYARD_SHUTDOWN_GRACE',
    description: 'How long running activities may go on after SIGTERM before they are cancelled.',
    default: 'set per worker',
    schema: parsers.duration,
  },
  shutdownForce: {
    name: 'SWITCHYARD_SHUTDOWN_FORCE',
    description: 'How long after SIGTERM the worker gives up on activities that do not end. Longer than the grace.',
    default: 'set per worker',
    schema: parsers.duration,
  },
  maxConcurrentActivities: {
    name: 'SWITCHYARD_MAX_CONCURRENT_ACTIVITIES',
    description: 'Activities that run at once in this worker.',
    default: 'set per worker',
    schema: parsers.integer(1, 10_000),
  },
  maxCachedWorkflows: {
    name: 'SWITCHYARD_MAX_CACHED_WORKFLOWS',
    description: 'Workflows kept in memory; others are replayed from their start when something happens to them.',
    default: "by Temporal, from the process's memory limit",
    schema: parsers.integer(1, 100_000),
  },
  heartbeatTimeout: {
    name: 'SWITCHYARD_HEARTBEAT_TIMEOUT',
    description: 'Silence after which an activity of a worker that died is given to another one.',
    default: '10s',
    schema: withDefault(parsers.duration, () => 10_000),
  },
  connectTimeout: {
    name: 'SWITCHYARD_CONNECT_TIMEOUT',
    description: 'How long the worker tries to reach the Temporal server when it starts.',
    default: '1m',
    schema: withDefault(parsers.duration, () => 60_000),
  },
  secretChain: {
    name: 'SWITCHYARD_SECRET_CHAIN',
    description: 'Where secrets are read, in this order: a comma list of env, file and vault.',
    default: 'env,file',
    schema: parsers.text,
  },
  secretEnvPrefix: {
    name: 'SWITCHYARD_SECRET_ENV_PREFIX',
    description: 'What stands before a secret name in an environment variable.',
    default: 'SECRET_',
    schema: parsers.text,
  },
  secretDir: {
    name: 'SWITCHYARD_SECRET_DIR',
    description: 'Directory with one file per secret.',
    default: '/run/secrets',
    schema: parsers.text,
  },
  allowInlineCredentials: {
    name: 'SWITCHYARD_ALLOW_INLINE_CREDENTIALS',
    description: 'true accepts passwords in clear text in inputs, which workflow history keeps.',
    default: 'false',
    schema: parsers.boolean,
  },
  ansibleBin: tool('SWITCHYARD_ANSIBLE_BIN', 'Directory with ansible-playbook, ansible-inventory and ansible-config.'),
  terraformBin: tool('SWITCHYARD_TERRAFORM_BIN', 'The terraform executable.'),
  tofuBin: tool('SWITCHYARD_TOFU_BIN', 'The tofu executable.'),
  terraformMirror: {
    name: 'SWITCHYARD_TERRAFORM_MIRROR',
    description: 'Directory that mirrors providers, for machines that do not reach a registry.',
    schema: parsers.text,
  },
  terraformPolicies: {
    name: 'SWITCHYARD_TERRAFORM_POLICIES',
    description: 'Directory of policies in Rego that every plan must keep, whatever its input says. Needs OPA.',
    schema: parsers.text,
  },
  opaBin: tool('SWITCHYARD_OPA_BIN', 'The opa executable, for policies in Rego.'),
  gitBin: tool('SWITCHYARD_GIT_BIN', 'The git executable, 2.32 or newer, for projects and stacks from git.'),
  gitProtocols: {
    name: 'SWITCHYARD_GIT_PROTOCOLS',
    description:
      'How git repositories may be reached: a comma list of https, ssh, http, git and file (paths of the worker).',
    default: 'https,ssh',
    schema: withDefault(parsers.list(','), () => ['https', 'ssh']).pipe(z.array(z.enum(GIT_PROTOCOLS)).min(1)),
  },
  gitKnownHosts: {
    name: 'SWITCHYARD_GIT_KNOWN_HOSTS',
    description: 'File with the keys of ssh servers that git repositories lie on; any other server is refused.',
    default: "the user's known_hosts",
    schema: parsers.text,
  },
  kubeconfig: {
    name: 'SWITCHYARD_KUBECONFIG',
    description: 'The kubeconfig with the clusters that runs may change.',
    default: 'the service account of the pod',
    schema: parsers.text,
  },
  javaBin: tool('SWITCHYARD_JAVA_BIN', 'The java executable.'),
  liquibaseHome: {
    name: 'SWITCHYARD_LIQUIBASE_HOME',
    description: 'Directory whose jars form the class path of Liquibase.',
    schema: parsers.text,
  },
  pgBin: tool('SWITCHYARD_PG_BIN', 'Directory with pg_dump, pg_restore and psql.'),
} as const satisfies Variables;

/**
 * Names that other parts of Switchyard read. A worker is often started from the same environment, so they are no
 * mistake there: the run marker of a program that starts a worker, the stack that a process belongs to, the Temporal
 * server's executable, the test server's jars, and the settings of the gateway.
 */
export const NAMES_OF_OTHER_PARTS: readonly string[] = [
  'SWITCHYARD_RUN',
  'SWITCHYARD_STACK',
  'SWITCHYARD_TEMPORAL_BIN',
  'SWITCHYARD_TEST_SERVER_HOME',
  ...Object.values<Variable>(GATEWAY_VARIABLES).flatMap(({ name, secret }) =>
    secret ? [name, `${name}_FILE`] : [name],
  ),
];
