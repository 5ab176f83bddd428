import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { errnoOf } from './errno.js';

const isInside = (root: string, target: string): boolean => {
  const relative = path.relative(root, target);
  return relative === '' || (!path.isAbsolute(relative) && relative !== '..' && !relative.startsWith(`..${path.sep}`));
};

/** The real path of the deepest part that exists, with the rest appended: where the path would lie. */
async function wouldLieAt(target: string): Promise<string> {
  const parent = path.dirname(target);
  if (parent === target) return target;
  let real: string;
  try {
    real = await realpath(parent);
  } catch (error) {
    if (errnoOf(error) === 'ELOOP') throw error;
    real = await wouldLieAt(parent);
  }
  return path.join(real, path.basename(target));
}

/**
 * The real path of `input`, which must lie inside one of the roots after all symbolic links are followed.
 * A relative path counts from `base`, which defaults to the first root and must itself lie inside.
 * Throws PathRefused outside the roots (whether it exists there or not), NotFound inside them, InvalidInput for a
 * path that no file can have. A link that is changed after the check is not noticed: roots are for trusted checkouts,
 * the check is against mistakes and against inputs that name other places.
 */
export async function resolveInside(roots: readonly string[], input: string, base?: string): Promise<string> {
  if (input === '' || input.includes('\0')) {
    throw new CodedError('InvalidInput', `${JSON.stringify(input)} is not a path`);
  }
  const found = await Promise.all(roots.map((root) => realpath(root).catch(() => undefined)));
  const realRoots = found.filter((root) => root !== undefined);
  const from = base ?? roots[0];
  if (from === undefined || realRoots.length === 0) {
    throw new CodedError('PathRefused', `no project root exists (${roots.join(', ')}), so "${input}" is refused`);
  }
  const refuse = (cause?: unknown): CodedError =>
    new CodedError(
      'PathRefused',
      `"${input}" lies outside the project roots (${roots.join(', ')}); move it below one, or add its directory to SWITCHYARD_PROJECT_ROOTS`,
      {
        details: { path: input, roots },
        cause,
      },
    );
  const target = path.resolve(path.resolve(roots[0] ?? from, from), input);
  let real: string;
  try {
    real = await realpath(target);
  } catch (error) {
    const code = errnoOf(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EACCES') throw refuse(error);
    const place = await wouldLieAt(target).catch(() => undefined);
    if (place === undefined || !realRoots.some((root) => isInside(root, place))) throw refuse();
    const what = code === 'EACCES' ? 'cannot be read by the worker' : 'does not exist';
    throw new CodedError('NotFound', `"${input}" ${what} (looked for ${place})`, { details: { path: input } });
  }
  if (!realRoots.some((root) => isInside(root, real))) throw refuse();
  return real;
}
