import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPLACED_VARIABLES } from '@switchyard/shared-db';
import { NAMES_OF_OTHER_PARTS, parseEnvironment } from '@switchyard/worker-kit';
import { describe, expect, it } from 'vitest';
import { outdated } from './configuration.ts';
import { INTERNAL_VARIABLES, knownNames, VARIABLE_GROUPS } from './variables.ts';
import { listFiles, readPackages, ROOT } from './workspace.ts';

const names = VARIABLE_GROUPS.flatMap(({ variables }) => variables.map(({ name }) => name));

/** Names that sources speak of without reading them: wrong ones, refused in tests or shown in examples. */
const isExample = (name: string): boolean => name.endsWith('_') || name in REPLACED_VARIABLES;

function namesInSources(): Map<string, string> {
  const found = new Map<string, string>();
  for (const { folder, kind } of readPackages(ROOT)) {
    if (kind === 'other') continue;
    const sources = listFiles(ROOT, `${folder}/src`, (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'));
    for (const file of sources) {
      // Only whole texts: a name inside of a sentence is not read.
      for (const [, name] of readFileSync(join(ROOT, file), 'utf8').matchAll(
        /['"`]((?:SWITCHYARD|DB)_[A-Z][A-Z0-9_]*)['"`]/g,
      )) {
        if (name !== undefined && !isExample(name)) found.set(name, file);
      }
    }
  }
  return found;
}

describe('the configuration reference', () => {
  it('is what the schemas say: docs/configuration.md and .env.example (else run node tools/configuration.ts)', async () => {
    expect(await outdated(ROOT)).toEqual([]);
  });

  it('lists each variable once', () => {
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('has every variable that a source names', () => {
    const known = new Set([...knownNames(), ...INTERNAL_VARIABLES]);
    const missing = [...namesInSources()].filter(
      ([name]) => !known.has(name) && !known.has(name.replace(/_FILE$/, '')),
    );
    expect(missing).toEqual([]);
  });

  it('has nothing of Switchyard that a worker would refuse, but for what only the command line reads', () => {
    const own = names.filter((name) => name.startsWith('SWITCHYARD_'));
    const refused = own.filter((name) => refuses(name));
    expect(refused).toEqual(expect.arrayContaining(['SWITCHYARD_UI_PORT']));
    const commandLine = VARIABLE_GROUPS.at(-1)?.variables.map(({ name }) => name) ?? [];
    expect(refused.filter((name) => !commandLine.includes(name))).toEqual([]);
  });

  it("has Temporal's names as Temporal writes them", () => {
    const folder = 'node_modules/@temporalio/envconfig/lib';
    const files = ['envconfig.js', 'envconfig-toml.js', 'utils.js'];
    const source = files.map((file) => readFileSync(join(ROOT, folder, file), 'utf8')).join('\n');
    const temporal = names.filter((name) => name.startsWith('TEMPORAL_'));
    const ofWorkers = ['TEMPORAL_DEPLOYMENT_NAME', 'TEMPORAL_WORKER_BUILD_ID'];
    expect(temporal.filter((name) => !source.includes(name))).toEqual(ofWorkers);
  });

  it('shows no secret and no value of somebody in .env.example', () => {
    const set = readFileSync(join(ROOT, '.env.example'), 'utf8').match(/^[A-Z].*$/gm);
    expect(set).toEqual(['DB_HOST=localhost', 'DB_NAME_SERVER=switchyard', 'DB_USER_SERVER=switchyard']);
  });
});

/** Whether a worker says that it does not know the name. */
function refuses(name: string): boolean {
  if (NAMES_OF_OTHER_PARTS.includes(name)) return false;
  try {
    parseEnvironment({ [name]: 'x' }, {});
    return false;
  } catch (error) {
    return error instanceof Error && error.message.includes(`${name}: unknown variable`);
  }
}
