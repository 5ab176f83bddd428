import { stat } from 'node:fs/promises';
import { CodedError, type AnsibleInput } from '@switchyard/contracts';
import { resolveInside } from '@switchyard/process';
import { inventorySources } from '../inventory/sources.js';

/** Where everything of a run lies, resolved and inside the roots. */
export interface PlayPaths {
  /** Working directory of ansible-playbook: its ansible.cfg counts. */
  readonly project: string;
  readonly playbook: string;
  /** For each source of the inventory its path; undefined for one that is no path. */
  readonly inventories: readonly (string | undefined)[];
}

async function resolveNamed(
  roots: readonly string[],
  given: string,
  base: string | undefined,
  missing: (message: string) => CodedError,
): Promise<string> {
  try {
    return await resolveInside(roots, given, base);
  } catch (error) {
    if (error instanceof CodedError && error.code === 'NotFound') throw missing(error.message);
    throw error;
  }
}

/**
 * Resolves the paths of an input. Each thing that is missing has its own code, and none is sought outside the roots.
 * @param checkout the files of a project from git: the project lies in it, and nothing but it is searched for it
 */
export async function resolvePaths(
  projectRoots: readonly string[],
  input: AnsibleInput,
  checkout?: string,
): Promise<PlayPaths> {
  const roots = checkout === undefined ? projectRoots : [checkout, ...projectRoots];
  const details = { roots };
  const own = checkout === undefined ? roots : [checkout];
  const project = await resolveNamed(own, input.project?.path ?? '.', undefined, (message) => {
    const way =
      checkout === undefined
        ? 'name a directory below a project root in `project.path`'
        : `name a directory of the repository as it is in commit ${input.project?.commit ?? ''}`;
    return new CodedError('NotFound', `project: ${message}; ${way}`, { details });
  });
  if (!(await stat(project)).isDirectory()) {
    throw new CodedError('InvalidInput', `project.path: "${input.project?.path ?? '.'}" is not a directory`);
  }
  const playbook = await resolveNamed(roots, input.playbook ?? '', project, (message) => {
    const way = 'relative paths count from `project.path`, else from the first project root';
    return new CodedError('NotFound', `playbook: ${message}; ${way}`, { details });
  });
  if (!(await stat(playbook)).isFile()) {
    throw new CodedError('InvalidInput', `playbook: "${input.playbook ?? ''}" is not a file`);
  }
  const inventories = await Promise.all(
    inventorySources(input).map(async (source) =>
      typeof source !== 'string'
        ? undefined
        : resolveNamed(roots, source, project, (message) => {
            const way = 'name a file or directory below a project root, or give `{"groups": ...}`';
            return new CodedError('AnsibleInventoryInvalid', `inventory: ${message}; ${way}`, { details });
          }),
    ),
  );
  return { project, playbook, inventories };
}

/** Limits are patterns. `@file` would read any file of the worker, so it is refused. */
export function checkLimit(limit: readonly string[] | undefined): void {
  const file = limit?.flatMap((entry) => entry.split(/[,:]/)).find((entry) => entry.trim().startsWith('@'));
  if (file === undefined) return;
  throw new CodedError('InvalidInput', `limit: "${file}" names a file; list the hosts or patterns themselves`);
}
