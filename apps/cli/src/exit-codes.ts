import type { FailureCode } from '@switchyard/contracts';

/** Exit codes of the command line: stable, documented in docs/cli.md, and the same for every command. */
export const EXIT = {
  ok: { code: 0, meaning: 'It worked.' },
  failed: { code: 1, meaning: 'It ran and failed.' },
  usage: { code: 2, meaning: 'The command, its input or a file is wrong; nothing was started.' },
  gate: { code: 3, meaning: 'A gate, validation or precondition did not hold.' },
  rejected: { code: 4, meaning: 'A person said no, or nobody answered in time.' },
  aborted: { code: 5, meaning: 'The run was aborted or cancelled.' },
  compensation: { code: 6, meaning: 'Undoing failed: something is left half-done.' },
  unreachable: { code: 7, meaning: 'Temporal, the store or a database could not be reached.' },
  denied: { code: 8, meaning: 'Credentials or a policy do not allow it.' },
  locked: { code: 9, meaning: 'Another run holds a lock.' },
  missing: { code: 10, meaning: 'A tool that is needed is not installed.' },
  timeout: { code: 124, meaning: 'It took longer than its time-out.' },
  interrupted: { code: 130, meaning: 'Ctrl-C.' },
} as const;

export type ExitName = keyof typeof EXIT;

const BY_FAILURE: Partial<Record<FailureCode, ExitName>> = {
  InvalidInput: 'usage',
  NotFound: 'usage',
  PathRefused: 'usage',
  InlineCredentialsRefused: 'usage',
  AnsiblePlaybookInvalid: 'usage',
  AnsibleInventoryInvalid: 'usage',
  AnsibleNoHostsMatched: 'usage',
  TerraformConfigInvalid: 'usage',
  ValidationFailed: 'gate',
  GateFailed: 'gate',
  PreflightRefused: 'gate',
  ParityMismatch: 'gate',
  TerraformPlanStale: 'gate',
  ApprovalRejected: 'rejected',
  ApprovalExpired: 'rejected',
  Aborted: 'aborted',
  Cancelled: 'aborted',
  CompensationFailed: 'compensation',
  DatabaseUnreachable: 'unreachable',
  UpstreamFailed: 'unreachable',
  AuthFailed: 'denied',
  PolicyDenied: 'denied',
  LockUnavailable: 'locked',
  TerraformStateLocked: 'locked',
  ToolMissing: 'missing',
  TimedOut: 'timeout',
};

/** The exit code for a failure code; 1 for those that only mean "it failed". */
export function exitCodeOf(code: FailureCode): number {
  return EXIT[BY_FAILURE[code] ?? 'failed'].code;
}
