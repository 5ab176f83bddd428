import { actionOf, changesOf, countChanges, type ChangeAction } from './changes.js';
import { cut } from '../tool/text-limits.js';
import type { PlanDocument, PlannedValues, ResourceChange } from './plan-document.js';

/** A gate shows at most so many lines: they travel through workflow history. */
const MOST_LINES = 150;
const MOST_ATTRIBUTES = 12;
const LONGEST_VALUE = 80;

const SIGN: Readonly<Record<ChangeAction, string>> = {
  create: '+',
  update: '~',
  replace: '-/+',
  delete: '-',
  forget: '.',
  import: '<',
  move: '>',
};

const SENSITIVE = '(sensitive value)';
const UNKNOWN = '(known after apply)';

/**
 * What a plan does, in lines for people: one heading, one line per resource, indented ones for what changes of it.
 * Values that the tool holds for sensitive are hidden; registered secrets are masked by the caller.
 */
export function summariseChanges(plan: PlanDocument): string[] {
  const counts = countChanges(changesOf(plan.resource_changes));
  const replaced = counts.replace > 0 ? ` (${counts.replace} replaced)` : '';
  const heading = `Plan: ${counts.add} to add, ${counts.change} to change, ${counts.destroy} to destroy${replaced}`;
  return underHeading(heading, plan.resource_changes, plan.output_changes);
}

/** What a refresh found different from the state, in the same form. */
export function summariseDrift(plan: PlanDocument): string[] {
  const count = (action: ChangeAction): number =>
    plan.resource_drift.filter((entry) => actionOf(entry) === action).length;
  const outputs = Object.values(plan.output_changes).filter(({ actions }) => !actions.includes('no-op')).length;
  const heading = `Drift: ${count('update')} changed, ${count('delete')} gone, ${outputs} outputs`;
  return underHeading(heading, plan.resource_drift, plan.output_changes);
}

function underHeading(
  heading: string,
  resources: readonly ResourceChange[],
  outputs: PlanDocument['output_changes'],
): string[] {
  const lines = [
    ...resources.flatMap(resourceLines),
    ...Object.entries(outputs).flatMap(([name, change]) => outputLines(name, change)),
  ];
  const shown = lines.slice(0, MOST_LINES);
  const more = lines.length - shown.length;
  return [heading, ...shown, ...(more > 0 ? [`... and ${more} more lines in the events of the run`] : [])];
}

function resourceLines(entry: ResourceChange): string[] {
  const action = actionOf(entry);
  if (action === undefined) return [];
  const deposed = entry.deposed === undefined ? '' : ` (deposed ${entry.deposed})`;
  const reason = entry.action_reason === undefined ? '' : `  # ${entry.action_reason.replaceAll('_', ' ')}`;
  const from = action === 'move' ? `  # from ${entry.previous_address ?? ''}` : '';
  return [`${SIGN[action]} ${entry.address}${deposed}${reason}${from}`, ...attributeLines(entry.change, action)];
}

function outputLines(name: string, change: PlannedValues): string[] {
  const [action] = change.actions;
  if (action === undefined || action === 'no-op') return [];
  const before = shownValue(change.before, change.before_sensitive, false);
  const after = shownValue(change.after, change.after_sensitive, change.after_unknown);
  if (action === 'delete') return [`- output ${name}`];
  if (action === 'create') return [`+ output ${name} = ${after}`];
  return [`~ output ${name}: ${before} -> ${after}`];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The part of a tree of marks that stands for one attribute: `true` for a whole tree marks all of it. */
const markAt = (marks: unknown, name: string): unknown => (isRecord(marks) ? marks[name] : marks === true);

function attributeLines(change: PlannedValues, action: ChangeAction): string[] {
  if (action === 'delete' || action === 'forget' || action === 'move') return [];
  const before = isRecord(change.before) ? change.before : {};
  const after = isRecord(change.after) ? change.after : {};
  const unknown = isRecord(change.after_unknown) ? change.after_unknown : {};
  const forces = new Set((change.replace_paths ?? []).map(([first]) => String(first)));
  const names = [...new Set([...Object.keys(before), ...Object.keys(after), ...Object.keys(unknown)])];
  const lines = names.flatMap((name) => {
    const isUnknown = hasMark(unknown[name]);
    const isSame = !isUnknown && JSON.stringify(before[name] ?? null) === JSON.stringify(after[name] ?? null);
    // A new object is told by what is set; what the provider will make up says nothing to an approver.
    if (isSame || (action === 'create' && (isUnknown || after[name] === null))) return [];
    const now = shownValue(after[name], markAt(change.after_sensitive, name), unknown[name]);
    const why = forces.has(name) ? '  # forces replacement' : '';
    if (action === 'create') return [`    ${name} = ${now}`];
    return [`    ${name}: ${shownValue(before[name], markAt(change.before_sensitive, name), false)} -> ${now}${why}`];
  });
  const more = lines.length - MOST_ATTRIBUTES;
  return more > 0 ? [...lines.slice(0, MOST_ATTRIBUTES), `    ... and ${more} more attributes`] : lines;
}

/** Whether anything in a tree of marks is marked. */
function hasMark(marks: unknown): boolean {
  if (marks === true) return true;
  if (Array.isArray(marks)) return marks.some(hasMark);
  return isRecord(marks) && Object.values(marks).some(hasMark);
}

/** A value with every marked part hidden, on one line. */
function shownValue(value: unknown, sensitive: unknown, unknown: unknown): string {
  if (sensitive === true) return SENSITIVE;
  if (unknown === true) return UNKNOWN;
  const text = JSON.stringify(hideMarked(value ?? null, sensitive, unknown));
  return cut(text, LONGEST_VALUE);
}

/** A value in which every marked part is hidden. */
export function hideMarked(value: unknown, sensitive: unknown, unknown: unknown): unknown {
  if (sensitive === true) return SENSITIVE;
  if (unknown === true) return UNKNOWN;
  if (Array.isArray(value)) return value.map((item, i) => hideMarked(item, partOf(sensitive, i), partOf(unknown, i)));
  if (!isRecord(value)) return value;
  const names = new Set([...Object.keys(value), ...(isRecord(unknown) ? Object.keys(unknown) : [])]);
  return Object.fromEntries(
    [...names].map((name) => [name, hideMarked(value[name] ?? null, partOf(sensitive, name), partOf(unknown, name))]),
  );
}

function partOf(marks: unknown, key: string | number): unknown {
  if (Array.isArray(marks)) return marks[Number(key)];
  return isRecord(marks) ? marks[String(key)] : undefined;
}
