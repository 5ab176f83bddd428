import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { z } from 'zod';

/** What the tool reads as configuration, and templates beside it. Files that a provisioner writes are left out. */
const READ_AS_CONFIGURATION = /\.(tf|tofu|tfvars|tftpl|tpl|hcl)(\.json)?$/;
const LOCK_FILE = '.terraform.lock.hcl';
const SKIPPED_DIRECTORIES = new Set(['node_modules', 'terraform.tfstate.d']);
/** A root module with more files is a mistake in the path (a home directory, a whole repository). */
const MOST_FILES = 20_000;

const modulesSchema = z.object({ Modules: z.array(z.object({ Dir: z.string() })).default([]) });

/**
 * The digest of a stack's configuration: its own files, those of local modules that lie outside of it, and variable
 * files. The lock file of providers is left out: it travels in the bundle.
 * @param dataDir where init wrote which modules there are
 */
export async function configurationDigest(options: {
  readonly directory: string;
  readonly dataDir: string;
  readonly varFiles: readonly string[];
}): Promise<string> {
  const { directory, dataDir, varFiles } = options;
  const files = new Set<string>();
  for (const module of [directory, ...(await localModules(directory, dataDir))]) await collect(module, files);
  for (const file of varFiles) files.add(file);
  const hash = createHash('sha256');
  for (const file of [...files].toSorted()) {
    const bytes = await readFile(file);
    hash.update(`${path.relative(directory, file)}\0${bytes.length}\0`).update(bytes);
  }
  return `sha256:${hash.digest('hex')}`;
}

/** Directories of modules with a local source outside the stack; downloaded ones lie in the data directory. */
async function localModules(directory: string, dataDir: string): Promise<string[]> {
  const text = await readFile(path.join(dataDir, 'modules', 'modules.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return [];
  const isBelow = (parent: string, child: string): boolean => !path.relative(parent, child).startsWith('..');
  return modulesSchema
    .parse(JSON.parse(text))
    .Modules.map(({ Dir }) => path.resolve(directory, Dir))
    .filter((module) => !isBelow(directory, module) && !isBelow(dataDir, module));
}

async function collect(directory: string, files: Set<string>): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (files.size > MOST_FILES) {
      throw new CodedError(
        'InvalidInput',
        `"${directory}" holds more than ${MOST_FILES} files; name the root module itself`,
      );
    }
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) {
      if (!entry.name.startsWith('.') && !SKIPPED_DIRECTORIES.has(entry.name)) await collect(full, files);
    } else if (READ_AS_CONFIGURATION.test(entry.name) && entry.name !== LOCK_FILE) files.add(full);
  }
}
