import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * A path as the person means it: relative to where the command was called, when something is there; else as it is, for a
 * worker on another machine to resolve in its own project roots.
 */
export function pathArgument(path: string, cwd: string): string {
  const absolute = resolve(cwd, path);
  return existsSync(absolute) ? absolute : path;
}
