import { replaceSecretRefs, secretNamesIn, type AnsibleInput, type InventoryGroups } from '@switchyard/contracts';
import { createMasker, type Masker } from '@switchyard/process';
import type { Workspace } from './workspace.js';

/** What Ansible is told by file, and what must not be seen in any output. */
export interface Handover {
  readonly masker: Masker;
  readonly extraVarsFile?: string;
  /** For each source of the inventory its file; undefined for one that is a path. */
  readonly inventoryFiles: readonly (string | undefined)[];
  /** `label@file` for each vault password. */
  readonly vaultIds: readonly string[];
}

/** Variables of Ansible that hold a password also when the caller wrote it down in clear. */
const PASSWORD_VARIABLE = /^ansible_(?:\w+_)?(?:pass|password|passphrase|pwd)$/;

function passwordsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'string' ? (PASSWORD_VARIABLE.test(key) ? [inner] : []) : passwordsIn(inner),
  );
}

/**
 * Resolves the secrets of an input at the moment of use and writes everything into files of the workspace (mode 600):
 * nothing of it is ever in the argument list, where every user of the machine could read it.
 */
export async function handOver(
  input: AnsibleInput,
  inventories: readonly (InventoryGroups | undefined)[],
  workspace: Workspace,
  secret: (name: string) => Promise<string>,
): Promise<Handover> {
  const names = secretNamesIn([input.extraVars, input.inventory, input.vault]);
  const values = new Map(await Promise.all(names.map(async (name) => [name, await secret(name)] as const)));
  const resolve = (name: string): unknown => values.get(name);
  const masker = createMasker([...values.values(), ...passwordsIn(input.extraVars), ...passwordsIn(input.inventory)]);

  const vaultIds: string[] = [];
  for (const [index, { id, password }] of (input.vault ?? []).entries()) {
    // oxlint-disable-next-line no-await-in-loop
    const file = await workspace.write(`vault-${index}`, `${values.get(password.$secret) ?? ''}\n`);
    vaultIds.push(`${id}@${file}`);
  }
  const hasVariables = input.extraVars !== undefined && Object.keys(input.extraVars).length > 0;
  const extraVarsFile = hasVariables
    ? await workspace.write('extra-vars.json', JSON.stringify(replaceSecretRefs(input.extraVars, resolve)))
    : undefined;
  const inventoryFiles = await Promise.all(
    inventories.map(async (groups, index) =>
      groups === undefined
        ? undefined
        : workspace.write(`inventory-${index}.json`, JSON.stringify(replaceSecretRefs(groups, resolve))),
    ),
  );
  return {
    masker,
    vaultIds,
    inventoryFiles,
    ...(extraVarsFile === undefined ? {} : { extraVarsFile }),
  };
}
