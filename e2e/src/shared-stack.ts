import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { commandLineOf, type CommandLine } from './checkout.js';
import './shared-root.js';
import { openStack, type OpenStack } from './stack.js';

/**
 * The stack that test files share, and a folder of this file's own in its checkout, whence the command line is called.
 * What a file names (runs, tables, rules, queues) must be its own, since others run before and after it on the same
 * servers; paths that workers resolve begin with the name of the folder.
 */
export async function openSharedStack(name: string): Promise<{ checkout: CommandLine; stack: OpenStack }> {
  const root = inject('e2eRoot');
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  const checkout = commandLineOf(root, folder);
  return { checkout, stack: await openStack(checkout) };
}
