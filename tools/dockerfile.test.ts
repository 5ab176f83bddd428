import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { copiesOf, dockerfileProblems, lastOf, parseDockerfile } from './dockerfile.ts';
import { readPackages, ROOT } from './workspace.ts';

const file = parseDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));
const apps = readPackages(ROOT)
  .filter(({ kind }) => kind === 'app')
  .map(({ folder }) => basename(folder));
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const argOf = (stage: string, name: string): string | undefined =>
  file.stages
    .find((entry) => entry.name === stage)
    ?.instructions.find((entry) => entry.word === 'ARG' && entry.text.startsWith(`${name}=`))
    ?.text.slice(name.length + 1);

describe('the Dockerfile', () => {
  it('stands on stages that exist, downloads nothing unchecked, holds no secret and does not run as root', () => {
    expect(dockerfileProblems(file, apps)).toEqual([]);
  });

  it('has a stage of tools for every app', () => {
    const tools = file.stages.map(({ name }) => name).filter((name) => name.startsWith('tools-'));
    expect(tools.toSorted()).toEqual(apps.map((app) => `tools-${app}`).toSorted());
  });

  it('copies from the context what is there', () => {
    const sources = file.stages.flatMap((stage) =>
      copiesOf(stage).flatMap(({ from, sources: paths }) => (from === undefined ? paths : [])),
    );
    expect(sources).not.toEqual([]);
    expect(sources.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('takes from a stage what was installed there', () => {
    const liquibase = file.stages.flatMap(copiesOf).find(({ from }) => from === 'deps')?.sources[0];
    expect(existsSync(join(ROOT, liquibase?.replace('/src/', '') ?? 'none', 'liquibase-core.jar'))).toBe(true);
  });

  it('starts the app under a first process that reaps, and holds its production tree alone', () => {
    const image = file.stages.at(-1);
    if (image === undefined) throw new Error('the Dockerfile has no stage');
    expect(lastOf(file, image, 'ENTRYPOINT')?.text).toBe('["tini", "--"]');
    expect(lastOf(file, image, 'CMD')?.text).toBe('["node", "main.js"]');
    expect(copiesOf(image)).toMatchObject([{ from: 'build', sources: ['/out/'] }]);
  });

  it('has shell steps that a shell can read', () => {
    const scripts = file.stages.flatMap(({ instructions }) => instructions.filter(({ word }) => word === 'RUN'));
    const broken = scripts.filter(({ text: script }) => spawnSync('sh', ['-n', '-c', script]).status !== 0);
    expect(broken).toEqual([]);
  });

  it('holds the versions and checksums that the local stack uses', () => {
    const terraform = text('libs/local-stack/src/tools/terraform.ts');
    for (const name of ['TERRAFORM_VERSION', 'TERRAFORM_SHA256_AMD64', 'TERRAFORM_SHA256_ARM64']) {
      expect(terraform).toContain(`'${argOf('tools-terraform-worker', name)}'`);
    }
    const opa = text('libs/local-stack/src/tools/opa.ts');
    for (const name of ['OPA_VERSION', 'OPA_SHA256_AMD64', 'OPA_SHA256_ARM64']) {
      expect(opa).toContain(`'${argOf('tools-terraform-worker', name)}'`);
    }
    expect(text('libs/local-stack/src/tools/ansible.ts')).toContain(
      `'${argOf('tools-ansible-worker', 'ANSIBLE_CORE_VERSION')}'`,
    );
  });

  it('is built from a context without what belongs to one machine', () => {
    const ignored = text('.dockerignore').split('\n');
    for (const entry of ['.git', '**/node_modules', '**/dist', '.env', '.switchyard', '.nx'])
      expect(ignored).toContain(entry);
  });
});

describe('a Dockerfile', () => {
  const problems = (source: string): string[] => dockerfileProblems(parseDockerfile(source), ['one']);
  const GOOD = 'FROM node:24 AS base\nFROM base AS tools-one\nFROM tools-${APP}\nUSER 1000';

  it('is taken apart with comments inside of a continued instruction', () => {
    const { stages } = parseDockerfile('FROM a:1 AS x\nRUN one \\\n# why\n    && two\n');
    expect(stages[0]?.instructions).toEqual([{ line: 2, word: 'RUN', text: 'one && two' }]);
  });

  it('is right when all is there', () => {
    expect(problems(GOOD)).toEqual([]);
  });

  it.each([
    ['a stage that is not there', GOOD.replace('FROM base AS', 'FROM bass AS'), 'stands on bass'],
    ['a copy from a later stage', `FROM a:1 AS x\nCOPY --from=y /a /b\n${GOOD}`, 'COPY from y'],
    ['root', GOOD.replace('USER 1000', 'USER root'), 'runs as root'],
    ['no user', GOOD.replace('\nUSER 1000', ''), 'runs as root'],
    ['a moving tag', GOOD.replace('node:24', 'node:latest'), 'uses node:latest'],
    ['a secret', `${GOOD}\nENV DB_PASSWORD_SERVER=x`, 'puts a secret'],
    ['an unchecked download', `${GOOD}\nRUN curl -o x https://example.test/x`, 'without a checksum'],
    ['an app that is gone', `FROM a:1 AS tools-two\n${GOOD}`, 'does not exist'],
  ])('is refused for %s', (_title, source, message) => {
    expect(problems(source).join('\n')).toContain(message);
  });
});
