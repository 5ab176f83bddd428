import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { resolveInside } from '@switchyard/process';

/** A root module on this worker's disk. */
export interface LocatedStack {
  /** As the caller wrote it, for messages. */
  readonly given: string;
  /** Real path of the directory. */
  readonly directory: string;
  /** Path below its project root: the same on every worker, whatever the root is called there. */
  readonly identity: string;
}

const isConfiguration = (name: string): boolean => /\.(tf|tofu)(\.json)?$/.test(name);

/**
 * Finds a stack inside the project roots. Throws PathRefused, or NotFound where no configuration lies.
 * @param repository address of the repository whose files lie in the only root: part of the identity
 */
export async function locateStack(roots: readonly string[], given: string, repository?: string): Promise<LocatedStack> {
  const directory = await resolveInside(roots, given);
  if (!(await stat(directory)).isDirectory()) {
    throw new CodedError('NotFound', `"${given}" is a file; a stack is a directory with .tf files`, {
      details: { path: given },
    });
  }
  const names = await readdir(directory);
  if (!names.some(isConfiguration)) {
    throw new CodedError('NotFound', `"${given}" holds no .tf file, so it is no stack`, { details: { path: given } });
  }
  const inside = await identityOf(roots, directory);
  // The branch is no part of it: runs of one stack keep apart whatever they were started from.
  return { given, directory, identity: repository === undefined ? inside : `${repository}//${inside}` };
}

async function identityOf(roots: readonly string[], directory: string): Promise<string> {
  const real = await Promise.all(roots.map((root) => realpath(root).catch(() => root)));
  const inside = real
    .map((root) => path.relative(root, directory))
    .filter((relative) => relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative));
  // The innermost root that holds it gives the shortest name.
  return inside.toSorted((a, b) => a.length - b.length)[0] || '.';
}

/** Name of the lock that keeps runs of one stack apart. */
export function stackLockName(stack: LocatedStack, workspace: string): string {
  return `terraform:${stack.identity}:${workspace}`;
}
