import type { AnsibleInput } from '@switchyard/contracts';
import type { Handover } from './handover.js';
import type { PlayPaths } from './paths.js';

/** Forks beyond this only cost memory: the main process of Ansible is the limit. */
const MOST_FORKS = 50;

/** Which hosts a process works on. */
export interface HostChoice {
  /** A file with one host per line; without it, all that the input's limit leaves. */
  readonly file?: string;
  /** How many hosts to expect, for the number of forks. */
  readonly count: number;
}

/** The value of --limit: the hosts of the file, within what the caller's own limit leaves. */
export function limitOf(input: AnsibleInput, file: string | undefined): string | undefined {
  const patterns = input.limit ?? [];
  if (file === undefined) return patterns.length === 0 ? undefined : patterns.join(',');
  return `@${file}`;
}

/** The arguments of ansible-playbook. Values stand behind `=`, so that none can be taken for an option. */
export function playArguments(input: AnsibleInput, paths: PlayPaths, handover: Handover, hosts: HostChoice): string[] {
  const limit = limitOf(input, hosts.file);
  const forks = input.forks ?? Math.max(1, Math.min(hosts.count, MOST_FORKS));
  const inventories = paths.inventories.flatMap((file, index) => file ?? handover.inventoryFiles[index] ?? []);
  return [
    // `,` is an empty list of hosts: implicit localhost, whatever the project's configuration names as its inventory.
    ...(inventories.length === 0 ? [','] : inventories).map((file) => `--inventory=${file}`),
    `--forks=${forks}`,
    ...(limit === undefined ? [] : [`--limit=${limit}`]),
    ...(input.tags?.length ? [`--tags=${input.tags.join(',')}`] : []),
    ...(input.skipTags?.length ? [`--skip-tags=${input.skipTags.join(',')}`] : []),
    ...(input.startAtTask === undefined ? [] : [`--start-at-task=${input.startAtTask}`]),
    ...(handover.extraVarsFile === undefined ? [] : [`--extra-vars=@${handover.extraVarsFile}`]),
    ...handover.vaultIds.map((id) => `--vault-id=${id}`),
    ...(input.check ? ['--check'] : []),
    ...(input.diff ? ['--diff'] : []),
    ...(input.become ? ['--become'] : []),
    ...(input.verbosity > 0 ? [`-${'v'.repeat(input.verbosity)}`] : []),
    paths.playbook,
  ];
}
