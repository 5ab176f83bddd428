import { z } from 'zod';

/** Names that conftest gives a meaning: `deny` and `violation` refuse, `warn` warns, each with any `_suffix`. */
const ASKED = /^(?<kind>deny|violation|warn)(?:_\w+)*$/;

/** Gives the heads of all rules of `input.modules`, a record of texts by file name. */
export const HEADS_QUERY = `[{
  "file": file,
  "package": [part.value | some part in module.package.path],
  "heads": [{
    "ref": [part.value | some part in rule.head.ref],
    "isSet": object.get(rule.head, "key", null) != null,
  } | some rule in object.get(module, "rules", [])],
} | some file, text in input.modules; module := rego.parse_module(file, text)]`;

const modulesSchema = z.array(
  z.object({
    file: z.string(),
    package: z.array(z.unknown()),
    heads: z.array(z.object({ ref: z.array(z.unknown()), isSet: z.boolean() })),
  }),
);

/** A rule that is asked, as one set over all files that add to it. */
export interface AskedRule {
  readonly name: string;
  readonly refuses: boolean;
  readonly files: readonly string[];
}

/** The rules of a package that are asked, or why they cannot be. */
export interface AskedRules {
  readonly rules: readonly AskedRule[];
  readonly problems: readonly { readonly file: string; readonly message: string }[];
}

/**
 * Finds the rules that are asked. Whatever looks like one and would never be heard is a problem: one in another package,
 * and one that is no set, which says nothing unless it holds. So is a package in which nothing could refuse.
 * @param value what {@link HEADS_QUERY} gave
 */
export function askedRules(value: unknown, namespace: string): AskedRules {
  const problems: { file: string; message: string }[] = [];
  const files = new Map<string, Set<string>>();
  for (const { file, package: parts, heads } of modulesSchema.parse(value)) {
    const name = parts.slice(1).map(String).join('.');
    for (const { ref, isSet } of heads) {
      const rule = String(ref[0]);
      if (!ASKED.test(rule)) continue;
      if (name !== namespace) {
        const wayOut = 'name its package so, set policies.namespace, or leave the file out';
        problems.push({ file, message: `has ${rule} in package ${name}, and only ${namespace} is asked: ${wayOut}` });
      } else if (!isSet || ref.length > 1) {
        problems.push({ file, message: `${rule} is no set; write \`${rule} contains message if { ... }\`` });
      } else files.set(rule, (files.get(rule) ?? new Set()).add(file));
    }
  }
  const rules = [...files]
    .map(([name, of]) => ({ name, refuses: !name.startsWith('warn'), files: [...of].toSorted() }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (problems.length === 0 && !rules.some(({ refuses }) => refuses)) {
    problems.push({
      file: '',
      message: `no file has deny or violation in package ${namespace}, so nothing could refuse`,
    });
  }
  return { rules, problems };
}

/** Asks all of the rules at once: a record of sets by rule name. */
export function verdictQuery(rules: readonly AskedRule[], namespace: string): string {
  return `{${rules.map(({ name }) => `"${name}": data.${namespace}.${name}`).join(', ')}}`;
}
