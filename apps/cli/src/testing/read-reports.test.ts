import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageFolders, readReports } from './read-reports.js';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'reports-'));
  await write('package.json', { workspaces: ['libs/*', 'examples/shop', 'e2e-change'] });
  for (const name of ['libs/a', 'libs/b', 'examples/shop', 'e2e-change']) await write(`${name}/package.json`, { name });
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(path: string, value: unknown): Promise<void> {
  const file = join(root, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify(value));
}

const passed = (count: number) => ({
  numPassedTests: count,
  numFailedTests: 0,
  numPendingTests: 0,
  success: true,
  testResults: [],
});

describe('packageFolders', () => {
  it('are those that the workspaces name, examples and both kinds of end-to-end tests among them', async () => {
    expect(await packageFolders(root)).toEqual(
      ['e2e-change', 'examples/shop', 'libs/a', 'libs/b'].map((name) => join(root, name)),
    );
  });
});

describe('readReports', () => {
  it('adds up what every package left and leaves out packages without a report', async () => {
    await write('libs/a/test-results/vitest.json', { ...passed(3), numPendingTests: 1, numTodoTests: 2 });
    await write('examples/shop/test-results/vitest.json', passed(5));
    await write('e2e-change/test-results/vitest.json', passed(7));
    expect(await readReports(root)).toEqual({ passed: 15, failed: 0, skipped: 3, failures: [] });
  });

  it('names each test that failed, with its file and the words of the error', async () => {
    await write('examples/shop/test-results/vitest.json', {
      ...passed(1),
      numFailedTests: 1,
      success: false,
      testResults: [
        {
          name: join(root, 'examples/shop/test/a.test.ts'),
          status: 'failed',
          message: '',
          assertionResults: [
            { fullName: 'a shop opens', status: 'passed' },
            { fullName: 'a shop closes', status: 'failed', failureMessages: ['Error: still open\n    at shop.ts:3:1'] },
          ],
        },
      ],
    });
    expect(await readReports(root)).toEqual({
      passed: 1,
      failed: 1,
      skipped: 0,
      failures: [{ file: 'examples/shop/test/a.test.ts', test: 'a shop closes', reason: 'Error: still open' }],
    });
  });

  it('counts a file that could not run as a failure, although none of its tests failed', async () => {
    await write('libs/b/test-results/vitest.json', {
      ...passed(0),
      success: false,
      testResults: [
        { name: join(root, 'libs/b/b.test.ts'), status: 'failed', message: 'no such module', assertionResults: [] },
      ],
    });
    expect(await readReports(root)).toEqual({
      passed: 0,
      failed: 1,
      skipped: 0,
      failures: [{ file: 'libs/b/b.test.ts', test: null, reason: 'no such module' }],
    });
  });
});
