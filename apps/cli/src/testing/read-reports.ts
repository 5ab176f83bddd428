import { glob, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';

const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number().default(0),
  success: z.boolean(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(''),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).default([]) }),
      ),
    }),
  ),
});

const workspaceSchema = z.object({ workspaces: z.array(z.string()) });

/** A test that failed, or a file of tests that could not run. */
export interface FailedTest {
  /** Path of the file below the checkout. */
  readonly file: string;
  /** Null when the file as a whole failed. */
  readonly test: string | null;
  /** What was thrown, without the stack. */
  readonly reason: string;
}

/** The sum of the test reports below a checkout. */
export interface TestSum {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly FailedTest[];
}

/** Folders of every package of a checkout, as the workspaces of its `package.json` name them. */
export async function packageFolders(root: string): Promise<string[]> {
  const { workspaces } = workspaceSchema.parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
  const folders: string[] = [];
  for await (const manifest of glob(
    workspaces.map((pattern) => `${pattern}/package.json`),
    { cwd: root },
  )) {
    folders.push(join(root, dirname(manifest)));
  }
  return folders.toSorted();
}

/** Adds up the reports that the packages left. A package whose suite could not even start counts as one failure. */
export async function readReports(root: string): Promise<TestSum> {
  let sum: TestSum = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for (const folder of await packageFolders(root)) {
    // oxlint-disable-next-line no-await-in-loop -- small files, and their order is the order of the failures
    const text = await readFile(join(folder, 'test-results', 'vitest.json'), 'utf8').catch(() => null);
    if (text === null) continue;
    const report = reportSchema.parse(JSON.parse(text));
    const broken = !report.success && report.numFailedTests === 0 ? 1 : 0;
    sum = {
      passed: sum.passed + report.numPassedTests,
      failed: sum.failed + report.numFailedTests + broken,
      skipped: sum.skipped + report.numPendingTests + report.numTodoTests,
      failures: [...sum.failures, ...failuresOf(root, report)],
    };
  }
  return sum;
}

function failuresOf(root: string, report: z.infer<typeof reportSchema>): FailedTest[] {
  return report.testResults
    .filter(({ status }) => status !== 'passed')
    .flatMap(({ name, message, assertionResults }): FailedTest[] => {
      const file = relative(root, name);
      const tests = assertionResults
        .filter(({ status }) => status === 'failed')
        .map(({ fullName, failureMessages }) => ({
          file,
          test: fullName,
          reason: firstLines(failureMessages[0] ?? ''),
        }));
      return tests.length > 0 ? tests : [{ file, test: null, reason: firstLines(message) }];
    });
}

/** The words of an error: what stands before its stack, at most four lines. */
function firstLines(text: string): string {
  const lines = text.split('\n');
  const stack = lines.findIndex((line) => /^\s+at /.test(line));
  return lines
    .slice(0, stack === -1 ? undefined : stack)
    .slice(0, 4)
    .join('\n');
}
