/** What a caller can expect of one failure code. */
export interface FailureInfo {
  /** Whether the same call may succeed when it is made again without any change. */
  readonly retryable: boolean;
  /** What happened, in one sentence. */
  readonly meaning: string;
  /** What the caller does next. */
  readonly wayOut: string;
}

/**
 * The registry of failure codes: the `type` of every ApplicationFailure that a caller sees.
 * A code is a compatibility surface: codes are added, never renamed. `docs/failures.md` is generated from this table.
 */
export const FAILURES = {
  InvalidInput: {
    retryable: false,
    meaning: 'The input does not fit the schema of the workflow, runbook or command.',
    wayOut: 'Correct the field named in the message.',
  },
  NotFound: {
    retryable: false,
    meaning: 'A file, run, connection, secret or artifact that the input names does not exist.',
    wayOut: 'Check the name, or create what is missing.',
  },
  PathRefused: {
    retryable: false,
    meaning: 'A path resolves outside the project roots of the worker.',
    wayOut: 'Move the file below a root, or add its directory to SWITCHYARD_PROJECT_ROOTS.',
  },
  InlineCredentialsRefused: {
    retryable: false,
    meaning: 'The input carries a password in clear text, which workflow history would keep.',
    wayOut: 'Name a connection of SWITCHYARD_DATABASES in `database`, or set SWITCHYARD_ALLOW_INLINE_CREDENTIALS=true.',
  },
  AnsibleHostsFailed: {
    retryable: false,
    meaning: 'The playbook ended, and at least one host failed.',
    wayOut: 'Read `failedHosts` in the details, mend them, and start a run with `retryOf`.',
  },
  AnsibleHostsUnreachable: {
    retryable: false,
    meaning: 'The playbook ended, and at least one host could not be reached.',
    wayOut: 'Check the connection to the hosts named in the details, then start a run with `retryOf`.',
  },
  AnsibleNoHostsMatched: {
    retryable: false,
    meaning: 'No host of the inventory matched the pattern of the play or the limit.',
    wayOut: 'Correct `hosts:`, `limit` or the inventory.',
  },
  AnsiblePlaybookInvalid: {
    retryable: false,
    meaning: 'Ansible refused the playbook before any host was touched.',
    wayOut: 'Mend the playbook at the place that the message names.',
  },
  AnsibleInventoryInvalid: {
    retryable: false,
    meaning: 'The inventory is missing or could not be parsed.',
    wayOut: 'Mend the inventory source that the message names.',
  },
  AnsibleRequirementsFailed: {
    retryable: false,
    meaning: 'Collections or roles that the project requires could not be installed; no host was touched.',
    wayOut:
      'Mend the entry of requirements.yml that the message names, or make its server reachable; `project.requirements: ignore` leaves them out.',
  },
  AnsibleCrashed: {
    retryable: true,
    meaning: 'ansible-playbook ended without a verdict: killed, out of memory, or by an unexpected exception.',
    wayOut: 'Read the last lines in the details; hosts without a stored result run again.',
  },
  TerraformInitFailed: {
    retryable: true,
    meaning: 'init could not prepare providers, modules or the backend.',
    wayOut: 'Read the diagnostics in the details; a provider mirror helps where the registry is out of reach.',
  },
  TerraformConfigInvalid: {
    retryable: false,
    meaning: 'The configuration does not parse or does not validate.',
    wayOut: 'Mend the configuration at the place that the diagnostics name.',
  },
  TerraformPlanFailed: {
    retryable: true,
    meaning: 'plan ended with an error.',
    wayOut: 'Read the diagnostics in the details.',
  },
  TerraformPlanStale: {
    retryable: false,
    meaning: 'The state or the configuration changed after the plan was made, so its approval is void.',
    wayOut: 'Start a new run: it makes a new plan and asks again.',
  },
  TerraformApplyFailed: {
    retryable: false,
    meaning: 'apply ended with an error; what was applied is in the state and in the details.',
    wayOut: 'Read the diagnostics, mend the cause, and start a new run.',
  },
  TerraformStateLocked: {
    retryable: true,
    meaning: 'Another operation holds the lock of the state.',
    wayOut: 'Wait for the holder named in the details, or end it.',
  },
  KubernetesRefused: {
    retryable: false,
    meaning: 'The API server refused an object; where it was refused by the trial before, nothing was applied.',
    wayOut: 'Mend the object at the place that the message names, or give the worker the right that it lacks.',
  },
  KubernetesConflict: {
    retryable: false,
    meaning: 'Somebody else has set fields that the manifests want to set to something else.',
    wayOut: 'Take the fields named in the details out of the manifests, or take them over with `force: true`.',
  },
  KubernetesNotReady: {
    retryable: false,
    meaning: 'The objects are applied, and a workload did not become ready.',
    wayOut: 'Read which pod and why in the details, mend it, and start a new run.',
  },
  PolicyDenied: {
    retryable: false,
    meaning: 'A policy does not allow the change.',
    wayOut: 'Read the violated rules in the details and change the plan or the policy.',
  },
  BackupFailed: {
    retryable: true,
    meaning: 'The backup could not be written or did not verify; the database was not changed.',
    wayOut: 'Read the message, make room or grant access, and start again.',
  },
  MigrationFailed: {
    retryable: false,
    meaning: 'A changeset or SQL file failed.',
    wayOut: 'Mend the changeset that the message names; what was applied before it is in the details.',
  },
  MigrationRolledBack: {
    retryable: false,
    meaning: 'The migration did not hold, and it was rolled back to the tag made before it.',
    wayOut: 'Read the validation report in the details, mend the changelog, and start again.',
  },
  ValidationFailed: {
    retryable: false,
    meaning: 'A validation query did not return what was expected.',
    wayOut: 'Read the report in the details.',
  },
  DatabaseUnreachable: {
    retryable: true,
    meaning: 'No connection to the database could be made.',
    wayOut: 'Check host, port and network; the run goes on when the database answers.',
  },
  AuthFailed: {
    retryable: false,
    meaning: 'The database, server or service refused the credentials.',
    wayOut: 'Check the user and the password reference of the connection.',
  },
  PreflightRefused: {
    retryable: false,
    meaning: 'A precondition of the change does not hold.',
    wayOut: 'Remove the obstacle that the message names.',
  },
  GateFailed: {
    retryable: false,
    meaning: 'A condition of a gate, health check or wait did not become true in time.',
    wayOut: 'Read required and observed in the details.',
  },
  ApprovalRejected: {
    retryable: false,
    meaning: 'A person said no.',
    wayOut: 'Read the reason, change what is proposed, and start a new run.',
  },
  ApprovalExpired: {
    retryable: false,
    meaning: 'Nobody decided before the approval expired.',
    wayOut: 'Start a new run, or set a longer `timeout`.',
  },
  Aborted: {
    retryable: false,
    meaning: 'A person ended the run.',
    wayOut: 'Read who and why in the details.',
  },
  CompensationFailed: {
    retryable: false,
    meaning: 'The run failed, and undoing its steps failed as well: something is left half-done.',
    wayOut: 'Each step that could not be undone is in the details; undo it by hand.',
  },
  StepFailed: {
    retryable: false,
    meaning: 'A step called a workflow that failed with a code of its own.',
    wayOut: 'Read the cause in the details.',
  },
  StreamLost: {
    retryable: false,
    meaning: 'The change stream lost its position.',
    wayOut: 'Resynchronise: the run names the command.',
  },
  ParityMismatch: {
    retryable: false,
    meaning: 'The old and the new shape do not agree.',
    wayOut: 'The first rows that differ are in the details.',
  },
  SchemaDrifted: {
    retryable: false,
    meaning: 'Somebody else changed the tables of a schema change while it ran.',
    wayOut: 'Take that change back, or abort this one; then retry.',
  },
  LockUnavailable: {
    retryable: true,
    meaning: 'Another run holds a lock that this run needs.',
    wayOut: 'Wait for the holder named in the details, or release it with a reason.',
  },
  ToolMissing: {
    retryable: false,
    meaning: 'A program that the step needs is not installed on the worker.',
    wayOut: 'Run `./switchyard doctor`: it shows where each tool was sought and how to get it.',
  },
  SchemaTooNew: {
    retryable: false,
    meaning: "Switchyard's own tables were migrated by a newer release.",
    wayOut: 'Run the newer release.',
  },
  UpstreamFailed: {
    retryable: true,
    meaning: 'An HTTP service answered with an error or not at all.',
    wayOut: 'Read status and body in the details.',
  },
  GitFailed: {
    retryable: true,
    meaning: 'A git repository could not be read: its server does not answer, or the worker has no room for it.',
    wayOut: 'Read what git said in the message, and check address, network and the disk of SWITCHYARD_WORK_DIR.',
  },
  TimedOut: {
    retryable: false,
    meaning: 'A program or a step took longer than its `timeout`; it was ended and nothing of it is left running.',
    wayOut: 'Look at the last events, then mend the cause or give it more time.',
  },
  Cancelled: {
    retryable: false,
    meaning: 'The run was cancelled.',
    wayOut: 'Start a new run.',
  },
  Internal: {
    retryable: true,
    meaning: 'Something happened that Switchyard has no code for.',
    wayOut: 'Read the message; please report it with the output of `runs show`.',
  },
} as const satisfies Record<string, FailureInfo>;

/** A failure code: the `type` of an ApplicationFailure. */
export type FailureCode = keyof typeof FAILURES;

/** Whether a string is one of the registered codes. */
export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === 'string' && Object.hasOwn(FAILURES, value);
}

/** What a caller does next, for a code. */
export function wayOutOf(code: FailureCode): string {
  return FAILURES[code].wayOut;
}

/** Options of {@link CodedError}. */
export interface CodedErrorOptions {
  /** Data for programs. Goes to workflow history: never a secret, never bytes. */
  readonly details?: unknown;
  /** What was caught. Stays in logs; only its code and message travel. */
  readonly cause?: unknown;
  /** Overrides the registry where the thrower knows better. */
  readonly retryable?: boolean;
  /** Whether it is part of the normal course, such as one more look while a run waits. Default false: logged as a failure. */
  readonly isExpected?: boolean;
}

/**
 * An error that a caller can act on: a code of the registry, a message that names the value and the way out, and data.
 * Libraries throw it (or a subclass); worker-kit turns it into an ApplicationFailure, the CLI into an exit code.
 */
export class CodedError extends Error {
  override readonly name: string = 'CodedError';
  readonly code: FailureCode;
  readonly details: unknown;
  readonly retryable: boolean;
  readonly isExpected: boolean;

  constructor(code: FailureCode, message: string, options: CodedErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
    this.retryable = options.retryable ?? FAILURES[code].retryable;
    this.isExpected = options.isExpected ?? false;
  }
}
