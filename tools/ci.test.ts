import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { writeTree } from './test/write-tree.ts';
import { ROOT } from './workspace.ts';

const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const script = z.array(z.string());
const jobSchema = z.looseObject({ stage: z.string(), script, tags: z.array(z.string()).optional() });

/** The YAML blocks of a page. */
const yamlBlocks = (page: string): unknown[] =>
  [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block]) => parse(block ?? '', { strict: true }) as unknown);

describe('.ci/run', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ci-run-'));
    mkdirSync(join(folder, '.ci'));
    copyFileSync(join(ROOT, '.ci', 'run'), join(folder, '.ci', 'run'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs it beside a `./switchyard` that prints these lines and ends with this code. */
  function run(lines: readonly string[], code = 0): { code: number | null; out: string; err: string } {
    const body = lines.map((line) => `echo '${line}'`).join('\n');
    writeTree(folder, { switchyard: `#!/bin/sh\n[ "$1" = test ] || exit 9\n${body}\nexit ${code}\n` });
    chmodSync(join(folder, 'switchyard'), 0o755);
    const { status, stdout, stderr } = spawnSync(join(folder, '.ci', 'run'), { encoding: 'utf8', cwd: tmpdir() });
    return { code: status, out: stdout, err: stderr };
  }

  it('passes when all passed and nothing was skipped, and shows the output', () => {
    expect(run(['building', '12 passed, 0 failed, 0 skipped'])).toEqual({
      code: 0,
      out: 'building\n12 passed, 0 failed, 0 skipped\n',
      err: '',
    });
  });

  it.each([
    ['a test failed', ['3 passed, 1 failed, 0 skipped'], 1, '1 failed'],
    ['a test failed and the command did not say so', ['3 passed, 1 failed, 0 skipped'], 0, '1 failed'],
    ['a test was skipped', ['3 passed, 0 failed, 2 skipped'], 0, '2 skipped'],
    ['no test ran', ['0 passed, 0 failed, 0 skipped'], 0, 'no test ran'],
    ['the sum is missing', ['3 passed, 0 failed, 0 skipped', 'and more'], 0, 'not the sum'],
    ['nothing was printed', [], 0, 'not the sum'],
    ['the command failed after a good sum', ['3 passed, 0 failed, 0 skipped'], 7, 'ended with 7'],
  ])('fails when %s', (_title, lines, code, message) => {
    const result = run(lines, code);
    expect(result.code).toBeGreaterThan(0);
    expect(result.err).toContain(message);
  });

  it('can be run as it is in the checkout', () => {
    expect(() => execFileSync('test', ['-x', join(ROOT, '.ci', 'run')])).not.toThrow();
    expect(() => execFileSync('bash', ['-n', join(ROOT, '.ci', 'run')])).not.toThrow();
  });
});

const AFFECTED = 'npx nx affected -t lint typecheck test build bundle --base="$base" --head=HEAD';

describe('the GitLab pipeline', () => {
  const pipeline = z
    .looseObject({
      stages: z.array(z.string()),
      variables: z.record(z.string(), z.string()),
      affected: jobSchema,
      everything: jobSchema,
    })
    .parse(parse(text('.gitlab-ci.yml'), { strict: true, merge: true }));

  it('checks what a change touches since the merge base, with all of history at hand', () => {
    expect(pipeline.affected.script).toContain(AFFECTED);
    expect(pipeline.affected.script[0]).toContain('git merge-base');
    expect(pipeline.variables['GIT_DEPTH']).toBe('0');
  });

  it('runs everything on the main branch, by the script that refuses skipped tests', () => {
    expect(pipeline.everything.script).toEqual(['.ci/run']);
  });

  it('has jobs in stages that it lists', () => {
    for (const { stage } of [pipeline.affected, pipeline.everything]) expect(pipeline.stages).toContain(stage);
  });
});

describe('the GitHub workflow', () => {
  const step = z.looseObject({
    uses: z.string().optional(),
    run: z.string().optional(),
    with: z.looseObject({}).optional(),
  });
  const workflow = z
    .looseObject({
      permissions: z.record(z.string(), z.string()),
      jobs: z.record(z.string(), z.looseObject({ steps: z.array(step) })),
    })
    .parse(parse(text('.github/workflows/ci.yml'), { strict: true }));
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);

  it('checks what a change touches since the merge base, and everything on the main branch', () => {
    const runs = steps.flatMap(({ run }) => run ?? []);
    expect(runs.some((run) => run.includes(AFFECTED) && run.includes('git merge-base'))).toBe(true);
    expect(runs).toContain('.ci/run');
    expect(steps.find(({ uses }) => uses?.startsWith('actions/checkout@'))?.with).toMatchObject({ 'fetch-depth': 0 });
  });

  it('uses actions of one exact version, may only read, and puts nothing of a change into a script', () => {
    for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/@(?:v\d+\.\d+\.\d+|[0-9a-f]{40})$/);
    expect(workflow.permissions).toEqual({ contents: 'read' });
    for (const { run } of steps) expect(run ?? '').not.toContain('${{');
  });
});

describe('both pipelines', () => {
  it.each(['.gitlab-ci.yml', '.github/workflows/ci.yml'])('keep the results of Nx with their index: %s', (file) => {
    const pipeline = text(file);
    for (const kept of ['.nx/cache', '.nx/workspace-data/*.db']) expect(pipeline).toContain(kept);
    // The name of the index is the id of the machine; another runner would not find it.
    expect(pipeline).toMatch(/echo [0-9a-f]{32} .*\/etc\/machine-id/);
  });
});

describe('the examples in the documentation', () => {
  it('hold the job ansible_workflows, in a form that GitLab reads', () => {
    const jobs = yamlBlocks(text('docs/gitlab.md')).flatMap((block) =>
      Object.entries(z.record(z.string(), jobSchema).parse(block)),
    );
    expect(jobs[0]).toEqual([
      'ansible_workflows',
      { stage: 'deploy', tags: ['shell'], script: ['./switchyard run ansible apt_update.yml --wait'] },
    ]);
    for (const [, job] of jobs) expect(job.script.every((line) => line.startsWith('./switchyard run '))).toBe(true);
  });

  it('name runbooks that exist', () => {
    const named = [...text('docs/gitlab.md').matchAll(/run runbook (\S+)/g)].map(([, path]) => path ?? '');
    expect(named).not.toEqual([]);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('hold an overlay that is YAML', () => {
    const [overlay] = yamlBlocks(text('docs/deploy.md'));
    const { patches } = z.looseObject({ patches: z.array(z.looseObject({ patch: z.string() })) }).parse(overlay);
    for (const { patch } of patches) {
      const documents = parseAllDocuments(patch);
      expect(Array.isArray(documents) && documents.every(({ errors }) => errors.length === 0)).toBe(true);
    }
  });
});
