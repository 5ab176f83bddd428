import { readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { sha256 } from '../plan/manifest.js';

/** One policy file, as it was read once: what is judged by is what the digest is of. */
export interface PolicyFile {
  /** As people know it: what the caller wrote, and the path below it. */
  readonly name: string;
  readonly text: string;
  readonly digest: string;
}

/** A file or directory of policies on this disk. */
export interface PolicyPlace {
  /** As it was given, for messages. */
  readonly given: string;
  /** Its real path. */
  readonly location: string;
}

const MOST_FILES = 200;
const MOST_BYTES = 4 * 1024 * 1024;
/** A directory with more entries is a mistake in the path. */
const MOST_ENTRIES = 5_000;

/**
 * Reads policies: a `.rego` file, or all of them in and below a directory, without tests (`*_test.rego`) and hidden
 * files. Links within a directory are not followed, since they could lead out of the project roots.
 * @param what where the places were given, for messages: `policies.rego`
 * @throws InvalidInput for a place without any policy
 */
export async function readPolicyFiles(places: readonly PolicyPlace[], what: string): Promise<PolicyFile[]> {
  const found = new Map<string, string>();
  for (const place of places) {
    const files = await filesAt(place, what);
    if (files.length === 0) {
      throw refused(`${what}: "${place.given}" holds no .rego file (tests apart), so that nothing would be asked`);
    }
    for (const { name, location } of files) found.set(location, name);
  }
  if (found.size > MOST_FILES) throw refused(`${what}: ${found.size} files are more than ${MOST_FILES}; name fewer`);
  const files: PolicyFile[] = [];
  let bytes = 0;
  for (const [location, name] of found) {
    const text = await readFile(location, 'utf8');
    bytes += text.length;
    if (bytes > MOST_BYTES) throw refused(`${what}: the files are larger than ${MOST_BYTES / 1024 / 1024} MB together`);
    files.push({ name, text, digest: sha256(text) });
  }
  return files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

interface Found {
  readonly name: string;
  readonly location: string;
}

const isPolicy = (name: string): boolean => name.endsWith('.rego') && !name.endsWith('_test.rego');

async function filesAt({ given, location }: PolicyPlace, what: string): Promise<Found[]> {
  if ((await stat(location)).isDirectory()) return filesBelow(location, given, what);
  if (location.endsWith('.rego')) return [{ name: path.normalize(given), location }];
  throw refused(`${what}: "${given}" is neither a .rego file nor a directory`);
}

async function filesBelow(directory: string, name: string, what: string): Promise<Found[]> {
  const files: Found[] = [];
  let entries = 0;
  const walk = async (below: string): Promise<void> => {
    for (const entry of await readdir(path.join(directory, below), { withFileTypes: true })) {
      if (++entries > MOST_ENTRIES) throw refused(`${what}: "${name}" holds more than ${MOST_ENTRIES} entries`);
      if (entry.name.startsWith('.')) continue;
      const relative = path.join(below, entry.name);
      if (entry.isDirectory()) await walk(relative);
      else if (entry.isFile() && isPolicy(entry.name))
        files.push({ name: path.join(name, relative), location: path.join(directory, relative) });
    }
  };
  await walk('');
  return files;
}

const refused = (message: string): CodedError => new CodedError('InvalidInput', message);
