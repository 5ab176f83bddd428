import { UNAUTHENTICATED, type ApprovalPolicy, type Decision, type GateStatus } from '@switchyard/contracts';

/** A group that may decide at a gate, as the status shows it. */
export type GateGroup = NonNullable<GateStatus['groups']>[number];

/** The groups that may decide now; undefined where everybody may. The further one is there once it is asked. */
export function groupsNow(
  policy: ApprovalPolicy,
  isEscalated: boolean,
  decisions: readonly Decision[],
): readonly GateGroup[] | undefined {
  const { groups, escalation } = policy;
  const further = isEscalated && escalation ? [{ ...escalation.group, isFurther: true }] : [];
  const all = [...(groups ?? []).map((group) => ({ ...group, isFurther: false })), ...further];
  if (all.length === 0) return undefined;
  return all.map(({ name, members, required, isFurther }) => ({
    name,
    members,
    required,
    approvals: peopleOf(decisions.filter((decision) => decision.groups?.includes(name))),
    isFurther,
  }));
}

/** The names of the groups of a gate that a sender speaks for. Nobody unauthenticated speaks for one. */
export function speaksFor(
  groups: readonly Pick<GateGroup, 'name' | 'members'>[],
  { by, groups: said = [] }: Pick<Decision, 'by' | 'groups'>,
): string[] {
  if (by === UNAUTHENTICATED) return [];
  return groups.filter(({ name, members }) => members.includes(by) || said.includes(name)).map(({ name }) => name);
}

/** Whether enough people agree: all that the policy names, or the further group alone. */
export function isQuorum(
  policy: ApprovalPolicy,
  groups: readonly GateGroup[] | undefined,
  decisions: readonly Decision[],
): boolean {
  const isComplete = ({ approvals, required }: GateGroup): boolean => approvals >= required;
  const named = groups?.filter((group) => !group.isFurther) ?? [];
  if (groups?.some((group) => group.isFurther && isComplete(group))) return true;
  return peopleOf(decisions) >= policy.required && named.every(isComplete);
}

const peopleOf = (decisions: readonly Decision[]): number =>
  new Set(decisions.filter(({ decision }) => decision === 'approve').map(({ by }) => by)).size;
