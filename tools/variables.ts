import { DATABASE_VARIABLES, SECRET_VARIABLES } from '@switchyard/shared-db';
import { GATEWAY_VARIABLES, variableReference } from '@switchyard/worker-kit';

/** One environment variable as the reference lists it. */
export interface ListedVariable {
  readonly name: string;
  readonly description: string;
  /** The default as one would write it, or in words. */
  readonly default?: string;
  readonly required: boolean;
  readonly secret: boolean;
  /** Whether `<name>_FILE` may name a file with the value. */
  readonly fileForm: boolean;
}

/** A section of the reference. */
export interface VariableGroup {
  readonly title: string;
  /** Who reads these, and what holds for all of them. */
  readonly intro: string;
  readonly variables: readonly ListedVariable[];
}

const listed = (name: string, description: string, more: Partial<ListedVariable> = {}): ListedVariable => ({
  name,
  description,
  required: false,
  secret: false,
  fileForm: false,
  ...more,
});

/** Temporal's own names, read by its environment configuration; the same as those of its command line. */
const TEMPORAL: readonly ListedVariable[] = [
  listed('TEMPORAL_ADDRESS', 'Host and port of the Temporal server.', { default: 'localhost:7233' }),
  listed('TEMPORAL_NAMESPACE', 'Namespace.', { default: 'default' }),
  listed('TEMPORAL_API_KEY', 'Key to sign in with; switches TLS on.', { secret: true }),
  listed('TEMPORAL_TLS', 'true or false: whether the connection is encrypted.', {
    default: 'true where a key or certificate is given',
  }),
  listed('TEMPORAL_TLS_SERVER_NAME', 'Name that the certificate of the server must have.', { default: 'the host' }),
  listed('TEMPORAL_TLS_SERVER_CA_CERT_PATH', 'File with the certificates of the authorities to trust, PEM.'),
  listed('TEMPORAL_TLS_SERVER_CA_CERT_DATA', 'The same as text.'),
  listed('TEMPORAL_TLS_CLIENT_CERT_PATH', 'File with the client certificate, PEM.'),
  listed('TEMPORAL_TLS_CLIENT_CERT_DATA', 'The same as text.'),
  listed('TEMPORAL_TLS_CLIENT_KEY_PATH', 'File with the key of the client certificate, PEM.'),
  listed('TEMPORAL_TLS_CLIENT_KEY_DATA', 'The same as text.', { secret: true }),
  listed('TEMPORAL_CONFIG_FILE', 'Configuration file of Temporal (TOML) to read profiles from.', {
    default: "temporalio/temporal.toml in the user's configuration folder",
  }),
  listed('TEMPORAL_PROFILE', 'Profile in that file.', { default: 'default' }),
  listed('TEMPORAL_DEPLOYMENT_NAME', 'Worker deployment that a worker belongs to. With the build id: versioned runs.'),
  listed('TEMPORAL_WORKER_BUILD_ID', 'Build of a worker inside its deployment.'),
];

/** What the command line and the local stack read beside the above. */
const LOCAL: readonly ListedVariable[] = [
  listed('SWITCHYARD_IDENTITY', 'Who gives a command, as decisions record it; `--as` wins.', {
    default: 'the user of the machine',
  }),
  listed('SWITCHYARD_TEMPORAL_BIN', 'The temporal executable that the local stack starts.', {
    default: 'sought in PATH, then fetched',
  }),
  listed(
    'SWITCHYARD_TEST_SERVER_HOME',
    "Directory with the jars of Temporal's test server, for Switchyard's own tests.",
    {
      default: 'fetched with Maven',
    },
  ),
  listed(
    'KUBEBUILDER_ASSETS',
    "Directory with kube-apiserver and etcd, for Switchyard's own tests; setup-envtest makes one.",
    { default: 'built with Go' },
  ),
  listed('SWITCHYARD_TEMPORAL_PORT', 'Port of the local Temporal server.', { default: 'any free one' }),
  listed('SWITCHYARD_UI_PORT', "Port of the local Temporal server's web page.", { default: 'any free one' }),
  listed('SWITCHYARD_POSTGRES_PORT', 'Port of the local PostgreSQL server.', { default: 'any free one' }),
];

/** Names that programs of Switchyard give each other; nobody sets them by hand. */
export const INTERNAL_VARIABLES: readonly string[] = [
  'SWITCHYARD_ROOT', // launcher -> command line: the checkout
  'SWITCHYARD_CWD', // launcher -> command line: where the caller stood
  'SWITCHYARD_EVENTS_FD', // worker -> callback plugin: the descriptor for events
  'SWITCHYARD_RUN', // worker -> programs: the marker by which they are found
  'SWITCHYARD_STACK', // local stack -> its processes
];

const WORKER = variableReference();
const WORKER_NAMES = new Set(WORKER.map(({ name }) => name));
const GATEWAY = variableReference(GATEWAY_VARIABLES).filter(({ name }) => !WORKER_NAMES.has(name));

/** Everything that can be set, in the order of the reference. */
export const VARIABLE_GROUPS: readonly VariableGroup[] = [
  {
    title: 'Database',
    intro:
      "Switchyard's own tables. Read by every worker and by the command line. Each name also has a `_FILE` form, which names a file that holds the value.",
    variables: DATABASE_VARIABLES.map((variable) => ({ ...variable, fileForm: true })),
  },
  {
    title: 'Temporal',
    intro: "Read by every worker and by the command line, through Temporal's own environment configuration.",
    variables: TEMPORAL,
  },
  {
    title: 'Workers',
    intro: 'Read by every worker; by the gateway those about logs and shutdown. An empty value counts as not set.',
    variables: WORKER,
  },
  {
    title: 'Gateway',
    intro: 'Read by the gateway. The local stack takes the port, and else any free one.',
    variables: GATEWAY,
  },
  {
    title: 'Secrets',
    intro: 'Where workers read secrets beside SWITCHYARD_SECRET_CHAIN and its companions above.',
    // A file form is a variable of its own in this list.
    variables: SECRET_VARIABLES.filter(({ name }) => !WORKER_NAMES.has(name)).map((variable) => ({
      ...variable,
      fileForm: false,
    })),
  },
  {
    title: 'Command line and local stack',
    intro: 'Read by `./switchyard` on a development machine.',
    variables: LOCAL,
  },
];

/** Every name that may be set, `_FILE` forms among them. */
export function knownNames(): Set<string> {
  return new Set(
    VARIABLE_GROUPS.flatMap(({ variables }) => variables).flatMap(({ name, fileForm }) =>
      fileForm ? [name, `${name}_FILE`] : [name],
    ),
  );
}

/** Names whose values must never stand in a manifest. */
export function secretNames(): Set<string> {
  return new Set(
    VARIABLE_GROUPS.flatMap(({ variables }) => variables)
      .filter(({ secret }) => secret)
      .map(({ name }) => name),
  );
}
