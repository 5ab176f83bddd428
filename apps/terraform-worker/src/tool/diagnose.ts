import { CodedError, type FailureCode } from '@switchyard/contracts';
import { parseStateLockHolder } from './state-lock-holder.js';
import { cut } from './text-limits.js';
import type { Diagnostic } from './ui-message.js';

/** The command of the tool that failed. */
export type ToolCommand = 'init' | 'workspace' | 'plan' | 'show' | 'apply' | 'state';

/** What is known about a failed command. */
export interface FailedCommand {
  readonly command: ToolCommand;
  readonly stack: string;
  readonly diagnostics: readonly Diagnostic[];
  /** Last lines in plain text, for a failure without diagnostics. */
  readonly tail: readonly string[];
  readonly exitCode: number | null;
  /** More for programs: what was applied. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A diagnostic as failure details and events keep it. */
export interface ShownDiagnostic {
  readonly summary: string;
  readonly detail: string;
  readonly address: string | null;
  /** `main.tf:3:5`, or null. */
  readonly at: string | null;
}

/** Failure details go to workflow history: a provider may answer with a page of text, ten of which are enough. */
const MOST_SHOWN = 10;
const LONGEST_DETAIL = 1_000;

export function shownDiagnostic({ summary, detail, address, range }: Diagnostic): ShownDiagnostic {
  return {
    summary: cut(summary, LONGEST_DETAIL),
    detail: cut(detail.trim(), LONGEST_DETAIL),
    address: address ?? null,
    at: range ? `${range.filename}:${range.start.line}:${range.start.column}` : null,
  };
}

/** Headings that stand for a mistake at init although they point at a line, because what failed is far away. */
const REMOTE_AT_INIT = /download|registry|remote|unreachable|access|failed to query|could not query/i;

/**
 * What the tool prints when a service was out of reach or asked to slow down. It gives no code for it, so this one
 * decision is made by text; a miss costs a retry or saves one.
 */
const TRANSIENT =
  /throttl|rate limit|rate exceeded|too many requests|timed? ?out|timeout|connection (refused|reset)|no such host|tls handshake|unexpected eof|temporar|(status|code|error)\W{1,3}(429|50[0234])\b/i;

const STALE = ['Saved plan is stale', 'Saved plan does not match the given state'];
const OTHER_RELEASE = 'cannot be transferred between different';

const CODE_OF: Readonly<Record<ToolCommand, FailureCode>> = {
  init: 'TerraformInitFailed',
  workspace: 'TerraformInitFailed',
  plan: 'TerraformPlanFailed',
  show: 'TerraformPlanFailed',
  apply: 'TerraformApplyFailed',
  state: 'TerraformPlanFailed',
};

function codeOf(command: ToolCommand, errors: readonly Diagnostic[]): FailureCode {
  if (errors.some(({ summary, detail }) => STALE.includes(summary) || detail.includes(OTHER_RELEASE)))
    return 'TerraformPlanStale';
  if (errors.some(({ summary, detail }) => isLocked(summary) && parseStateLockHolder(detail))) {
    return 'TerraformStateLocked';
  }
  if (command === 'apply') return 'TerraformApplyFailed';
  // A complaint that points at the configuration and at no resource is about the text of it: no retry can help.
  const isConfiguration = ({ range, address, summary, detail }: Diagnostic): boolean =>
    Boolean(range) && address === undefined && !(command === 'init' && REMOTE_AT_INIT.test(`${summary} ${detail}`));
  if (errors.some(isConfiguration)) return 'TerraformConfigInvalid';
  return CODE_OF[command];
}

const isLocked = (summary: string): boolean => summary === 'Error acquiring the state lock';

function headline(diagnostic: Diagnostic): string {
  const { at, address, summary, detail } = shownDiagnostic(diagnostic);
  const where = at ?? address;
  const firstSentence = detail.split('\n\n')[0]?.replaceAll('\n', ' ') ?? '';
  return cut(`${where === null ? '' : `${where}: `}${summary}${firstSentence === '' ? '' : `: ${firstSentence}`}`, 500);
}

/** Turns a failed command into the one failure that a caller can act on. */
export function diagnose(failed: FailedCommand): CodedError {
  const { command, stack, diagnostics, tail, exitCode } = failed;
  const errors = withoutEchoes(diagnostics.filter(({ severity }) => severity === 'error'));
  const code = codeOf(command, errors);
  const first = errors[0];
  const holder = errors.map(({ detail }) => parseStateLockHolder(detail)).find((found) => found !== undefined);
  const message =
    code === 'TerraformStateLocked' && holder
      ? `${command} of "${stack}": the state is locked by ${holder.who} (${holder.operation}, since ${holder.created}); wait for it, or end it`
      : `${command} of "${stack}" failed: ${first ? headline(first) : lastWords(tail, exitCode)}`;
  return new CodedError(code, message, {
    retryable: isRetryable(code, command, errors, tail),
    details: {
      diagnostics: errors.slice(0, MOST_SHOWN).map(shownDiagnostic),
      ...(errors.length > MOST_SHOWN ? { moreDiagnostics: errors.length - MOST_SHOWN } : {}),
      ...(holder ? { holder } : {}),
      ...(first ? {} : { tail: tail.slice(-20), exitCode }),
      ...failed.details,
    },
  });
}

/** Leaves out headings that only say that there were errors ("execution halted"), unless they are all there is. */
function withoutEchoes(errors: readonly Diagnostic[]): readonly Diagnostic[] {
  const telling = errors.filter(({ detail, range, address }) => detail !== '' || range || address !== undefined);
  return telling.length > 0 ? telling : errors;
}

function lastWords(tail: readonly string[], exitCode: number | null): string {
  const last = tail.findLast((line) => line.trim() !== '');
  return last ?? `it ended with exit code ${String(exitCode)} and said nothing`;
}

function isRetryable(
  code: FailureCode,
  command: ToolCommand,
  errors: readonly Diagnostic[],
  tail: readonly string[],
): boolean {
  // The tool has waited for `lockTimeout` already, and an apply is never made again blindly.
  if (command === 'apply' || code === 'TerraformStateLocked') return false;
  if (code !== 'TerraformInitFailed' && code !== 'TerraformPlanFailed') return false;
  return TRANSIENT.test([...errors.map(({ summary, detail }) => `${summary} ${detail}`), ...tail].join('\n'));
}
