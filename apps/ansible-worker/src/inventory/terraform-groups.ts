import {
  CodedError,
  formatProblems,
  hostNameSchema,
  parse,
  type InventoryGroups,
  type TerraformInventory,
} from '@switchyard/contracts';
import { z } from 'zod';

const outputSchema = z.object({
  value: z.unknown().optional(),
  sensitive: z.boolean().optional(),
  ref: z.string().optional(),
});
const variables = z.record(z.string(), z.unknown());
const hostsSchema = z.union([
  z.array(z.string()),
  z.record(z.string(), z.union([z.string().min(1), variables, z.null()])),
]);

/**
 * Groups out of the outputs of a stack. An output is a list of names, a map of names to addresses, or a map of names to
 * variables.
 * @throws CodedError AnsibleInventoryInvalid for an output that is missing, sensitive, too large for a result, or of another shape
 */
export function terraformGroups({ outputs, groups }: Pick<TerraformInventory, 'outputs' | 'groups'>): InventoryGroups {
  return Object.fromEntries(
    Object.entries(groups).map(([group, output]) => [group, { hosts: hostsOf(output, outputs) }] as const),
  );
}

function hostsOf(name: string, outputs: TerraformInventory['outputs']): Record<string, Record<string, unknown> | null> {
  if (!Object.hasOwn(outputs, name)) {
    const known = Object.keys(outputs).join(', ') || 'none';
    throw invalid(name, `is not among the outputs of the stack (${known})`);
  }
  const output = outputSchema.safeParse(outputs[name]).data;
  if (output?.sensitive === true) throw invalid(name, 'is sensitive: its value stays with Terraform');
  if (output?.ref !== undefined) throw invalid(name, `is too large for a result: it is kept as artifact ${output.ref}`);
  if (output?.value === undefined) throw invalid(name, 'has no `value`; give the outputs as Terraform tells them');
  const parsed = parse(hostsSchema, output.value);
  if (!parsed.ok) {
    const ways = 'must be a list of names, or a map of names to an address or to variables';
    throw invalid(name, `${ways}: ${formatProblems(parsed.problems)}`);
  }
  const hosts = Array.isArray(parsed.value) ? parsed.value : Object.keys(parsed.value);
  const odd = hosts.map((host) => parse(hostNameSchema, host)).find(({ ok }) => !ok);
  if (odd?.ok === false) throw invalid(name, formatProblems(odd.problems));
  if (Array.isArray(parsed.value)) return Object.fromEntries(parsed.value.map((host) => [host, null]));
  return Object.fromEntries(
    Object.entries(parsed.value).map(([host, value]) => [
      host,
      typeof value === 'string' ? { ansible_host: value } : value,
    ]),
  );
}

const invalid = (output: string, problem: string): CodedError =>
  new CodedError('AnsibleInventoryInvalid', `inventory: output "${output}" ${problem}`);
