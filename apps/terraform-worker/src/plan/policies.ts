import {
  CodedError,
  type PolicyViolation,
  type RegoSource,
  type TerraformPolicies,
  type TerraformPolicyRule,
} from '@switchyard/contracts';
import { actionOf, changesOf, countChanges } from './changes.js';
import type { ResourceChange } from './plan-document.js';

/** A rule that a plan keeps: part of what approvers see, and of the plan digest. */
export interface PolicyResult {
  readonly rule: TerraformPolicyRule;
  readonly required: string;
  readonly observed: string;
}

/** What a policy wants people to know of a plan that it lets through. */
export interface PolicyWarning {
  readonly message: string;
  readonly policy: RegoSource;
}

/** What the rules say about a plan. */
export interface PolicyReport {
  readonly results: readonly PolicyResult[];
  readonly violations: readonly PolicyViolation[];
  readonly warnings: readonly PolicyWarning[];
}

/** The report of no rule. */
export const NOTHING_SAID: PolicyReport = { results: [], violations: [], warnings: [] };

/** The rules that need no program. */
export type BuiltInPolicies = Omit<TerraformPolicies, 'rego' | 'namespace'>;

/** Judges a plan by its rules, in the order in which they are documented. */
export function judgePlan(
  policies: BuiltInPolicies | undefined,
  entries: readonly ResourceChange[],
): Omit<PolicyReport, 'warnings'> {
  const results: PolicyResult[] = [];
  const violations: PolicyViolation[] = [];
  if (policies === undefined) return { results, violations };
  const { forbidDestroy, protect, maxChanges, maxDestroys } = policies;
  const judge = (rule: TerraformPolicyRule, required: string, observed: string, broken: PolicyViolation[]): void => {
    if (broken.length === 0) results.push({ rule, required, observed });
    violations.push(...broken);
  };
  if (forbidDestroy.length > 0) {
    const isForbidden = anyOf(forbidDestroy);
    const broken = entries
      .filter((entry) => isForbidden(entry.type) && DESTROYS.has(actionOf(entry)))
      .map((entry) => violation('forbidDestroy', entry, `objects of type ${entry.type} may not be destroyed`));
    judge('forbidDestroy', `nothing of ${forbidDestroy.join(', ')} destroyed`, 'none', broken);
  }
  if (protect.length > 0) {
    const isProtected = anyOf(protect.flatMap((address) => [address, `${address}.*`, `${address}[*`]));
    const broken = entries
      .filter((entry) => isProtected(entry.address) || isProtected(entry.previous_address ?? ''))
      .filter((entry) => TOUCHES.has(actionOf(entry)))
      .map((entry) => violation('protect', entry, 'it is protected'));
    judge('protect', `nothing at ${protect.join(', ')} touched`, 'none', broken);
  }
  const changes = changesOf(entries);
  const limit = (rule: 'maxChanges' | 'maxDestroys', most: number | undefined, count: number, what: string): void => {
    if (most === undefined) return;
    const broken: PolicyViolation = {
      rule,
      address: null,
      message: `${rule}: the plan ${what} ${count} objects, and at most ${most} are allowed`,
      wayOut: `Make the change in smaller steps, or raise policies.${rule} for this run`,
    };
    judge(rule, `at most ${most}`, String(count), count > most ? [broken] : []);
  };
  limit(
    'maxChanges',
    maxChanges,
    changes.filter(({ action }) => action !== 'move' && action !== 'import').length,
    'changes',
  );
  limit('maxDestroys', maxDestroys, countChanges(changes).destroy, 'destroys');
  return { results, violations };
}

/** Ends a run whose plan breaks a rule, before anybody is asked. */
export function refuseViolations(stack: string, { violations }: Pick<PolicyReport, 'violations'>): void {
  const [first] = violations;
  if (first === undefined) return;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : '';
  throw new CodedError('PolicyDenied', `the plan of "${stack}" is refused: ${first.message}${more}. ${first.wayOut}`, {
    details: {
      violations: violations.slice(0, MOST_NAMED),
      ...(violations.length > MOST_NAMED ? { moreViolations: violations.length - MOST_NAMED } : {}),
    },
  });
}

/** Failure details travel through workflow history. */
const MOST_NAMED = 50;

type Action = ReturnType<typeof actionOf>;
const DESTROYS: ReadonlySet<Action> = new Set<Action>(['delete', 'replace']);
const TOUCHES: ReadonlySet<Action> = new Set<Action>(['delete', 'replace', 'update', 'forget']);

const VERB: Readonly<Record<string, string>> = {
  delete: 'destroyed',
  replace: 'replaced',
  update: 'changed',
  forget: 'forgotten',
};

function violation(rule: 'forbidDestroy' | 'protect', entry: ResourceChange, why: string): PolicyViolation {
  const action = actionOf(entry);
  const reason = entry.action_reason === undefined ? '' : ` (${entry.action_reason.replaceAll('_', ' ')})`;
  return {
    rule,
    address: entry.address,
    message: `${rule}: ${entry.address} would be ${VERB[action ?? ''] ?? action}${reason}, and ${why}`,
    wayOut: `Change the configuration so that it stays as it is, or take it out of policies.${rule} for this run`,
  };
}

function anyOf(patterns: readonly string[]): (text: string) => boolean {
  const literal = (text: string): string => text.replaceAll(/[\\^$.+?()[\]{}|]/g, String.raw`\$&`);
  const parts = patterns.map((pattern) => pattern.split('*').map(literal).join('.*'));
  const expression = new RegExp(`^(?:${parts.join('|')})$`, 's');
  return (text) => expression.test(text);
}
