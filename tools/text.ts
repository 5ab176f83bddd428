import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { findSkips } from './skips.ts';
import { isMain, listFiles, ROOT } from './workspace.ts';

/** One thing in a file that must not be there. */
export interface TextProblem {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

// The words are put together here, so that this file passes its own check.
const dots = (...parts: readonly string[]): string => parts.join('.');

/** Hosts of package registries: which one is used is a matter of the machine's own settings. */
const REGISTRIES = [
  dots('registry', 'npmjs', 'org'),
  dots('registry', 'yarnpkg', 'com'),
  dots('pypi', 'org'),
  dots('files', 'pythonhosted', 'org'),
  dots('proxy', 'golang', 'org'),
  dots('sum', 'golang', 'org'),
  dots('repo1', 'maven', 'org'),
  dots('repo', 'maven', 'apache', 'org'),
  dots('crates', 'io'),
  dots('rubygems', 'org'),
];

/** Folders of some person or machine, at the start of an absolute path. */
const MACHINE_PATH = /(?<![\w.}~@-])(?:\/(?:work|root|Users|home\/\w+)\/[\w.]|[A-Z]:\\{1,2}Users)/;

/** Characters that change the order in which text is shown, so that a reader sees other code than the compiler. */
const BIDI = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/;

const OLD_PREFIX = ['ALGA', 'DB', ''].join('_');
/** Where the names of the earlier connection code are refused and explained. */
const MAY_NAME_OLD_PREFIX = /^(?:libs\/shared-db\/|docs\/|CHANGELOG\.md$)/;

/** Files that are text for these checks. A lock file is npm's; recorded histories and artwork are data. */
const isText = (path: string): boolean =>
  !/(?:^|\/)package-lock\.json$|\/histories\/|\.(?:png|ico|woff2|gz|jar|pem|key|crt|dump)$/.test(path);

/** Looks at one file. */
export function checkText(file: string, text: string): TextProblem[] {
  const problems = text
    .split('\n')
    .flatMap((line, index) => lineProblems(file, line).map((message) => ({ file, line: index + 1, message })));
  if (/\.ya?ml$/.test(file)) problems.push(...inlineSecrets(file, text));
  if (/\.test\.tsx?$/.test(file)) problems.push(...findSkips(file, text).map((skip) => ({ file, ...skip })));
  return problems;
}

function lineProblems(file: string, line: string): string[] {
  const problems = REGISTRIES.filter((host) => line.includes(host)).map((host) => `names the package registry ${host}`);
  const path = MACHINE_PATH.exec(line);
  if (path !== null) problems.push(`names a path of one machine: ${path[0]}...`);
  const bidi = BIDI.exec(line);
  if (bidi !== null) {
    problems.push(
      `holds the invisible character U+${bidi[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
    );
  }
  if (line.includes(OLD_PREFIX) && !MAY_NAME_OLD_PREFIX.test(file))
    problems.push(`uses a ${OLD_PREFIX}* name; use DB_*`);
  return problems;
}

/** Secrets with their values in a manifest: an object of kind Secret is named by others, never committed. */
function inlineSecrets(file: string, text: string): TextProblem[] {
  const documents = parseAllDocuments(text, { logLevel: 'silent' });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document) => {
    const value: unknown = document.errors.length > 0 ? null : document.toJS();
    if (typeof value !== 'object' || value === null || !('kind' in value) || value.kind !== 'Secret') return [];
    if (!('data' in value) && !('stringData' in value)) return [];
    const line = text.slice(0, document.contents?.range?.[0] ?? 0).split('\n').length;
    return [{ file, line, message: 'holds a Secret with its values; only references belong in the tree' }];
  });
}

/** The files of a checkout: what git tracks or would add; without git, everything but what is built. */
export function checkoutFiles(root: string): string[] {
  if (!existsSync(join(root, '.git'))) return listFiles(root, '', isText);
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0');
  return [...new Set(listed)].filter((path) => path !== '' && isText(path) && existsSync(join(root, path)));
}

/** Looks at every text file of a checkout. */
export function checkTexts(root: string): TextProblem[] {
  return checkoutFiles(root).flatMap((file) => checkText(file, readFileSync(join(root, file), 'utf8')));
}

if (isMain(import.meta)) {
  const problems = checkTexts(ROOT);
  for (const { file, line, message } of problems) console.error(`${file}:${line} ${message}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
