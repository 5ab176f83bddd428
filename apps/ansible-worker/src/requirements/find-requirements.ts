import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { readYaml } from '@switchyard/yaml-file';

/** A requirements file of a project, and what ansible-galaxy finds in it. */
export interface RequirementsFile {
  /** Below the project. */
  readonly name: string;
  readonly hasCollections: boolean;
  readonly hasRoles: boolean;
}

/** What a project requires. */
export interface Requirements {
  readonly files: readonly RequirementsFile[];
  /** Digest of the files, and of what lies in the project and is named by them. */
  readonly digest: string;
}

/** Where projects keep them, as AWX looks for them. */
const NAMES = ['requirements', 'collections/requirements', 'roles/requirements'].flatMap((name) => [
  `${name}.yml`,
  `${name}.yaml`,
]);

/** Fields of an entry that may name something in the project: a tarball, a directory, a further file. */
const SOURCE_FIELDS = ['name', 'source', 'src', 'include'];

/**
 * Reads the requirements of a project; undefined when it has none.
 * @throws CodedError AnsibleRequirementsFailed for a file that is no YAML
 */
export async function findRequirements(project: string): Promise<Requirements | undefined> {
  const hash = createHash('sha256');
  const files: RequirementsFile[] = [];
  for (const name of NAMES) {
    // Their order is part of the digest.
    // oxlint-disable-next-line no-await-in-loop
    const text = await readFile(path.join(project, name), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const value = parse(name, text);
    const { collections, roles } = listsOf(name, value);
    if (collections.length === 0 && roles.length === 0) continue;
    files.push({ name, hasCollections: collections.length > 0, hasRoles: roles.length > 0 });
    hash.update(`${name}\0${text}\0`);
    for (const local of localSources(project, [...collections, ...roles])) {
      // oxlint-disable-next-line no-await-in-loop
      await addContent(hash, project, local);
    }
  }
  return files.length === 0 ? undefined : { files, digest: hash.digest('hex') };
}

function parse(name: string, text: string): unknown {
  const file = readYaml(text, name);
  if (file.ok) return file.value;
  const [problem] = file.problems;
  const where = problem === undefined ? name : `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
  throw new CodedError('AnsibleRequirementsFailed', `the requirements of the project cannot be read: ${where}`);
}

/** A list holds roles (or, in `collections/`, is a mistake that ansible-galaxy names); a map says which is which. */
function listsOf(name: string, value: unknown): { collections: readonly unknown[]; roles: readonly unknown[] } {
  if (Array.isArray(value))
    return name.startsWith('collections/') ? { collections: value, roles: [] } : { collections: [], roles: value };
  if (typeof value !== 'object' || value === null) return { collections: [], roles: [] };
  const list = (field: string): readonly unknown[] => {
    const found = (value as Record<string, unknown>)[field];
    return Array.isArray(found) ? found : [];
  };
  return { collections: list('collections'), roles: list('roles') };
}

function localSources(project: string, entries: readonly unknown[]): string[] {
  const texts = entries.flatMap((entry) => {
    if (typeof entry === 'string') return [entry];
    if (typeof entry !== 'object' || entry === null) return [];
    return SOURCE_FIELDS.flatMap((field) => {
      const value = (entry as Record<string, unknown>)[field];
      return typeof value === 'string' ? [value] : [];
    });
  });
  return texts
    .filter((text) => !text.includes('://') && !text.includes('\0'))
    .map((text) => path.resolve(project, text));
}

type Hash = ReturnType<typeof createHash>;

/** A file or all files of a directory; nothing for a name that is none of the project. */
async function addContent(hash: Hash, project: string, place: string): Promise<void> {
  const found = await stat(place).catch(() => undefined);
  if (found === undefined) return;
  const name = path.relative(project, place);
  if (found.isFile()) {
    hash
      .update(`${name}\0`)
      .update(await readFile(place))
      .update('\0');
    return;
  }
  if (!found.isDirectory()) return;
  for (const entry of (await readdir(place)).toSorted()) {
    // oxlint-disable-next-line no-await-in-loop
    if (entry !== '.git') await addContent(hash, project, path.join(place, entry));
  }
}
