import type { Reporter } from 'vitest/node';
import { defineConfig } from 'vitest/config';

/** Seconds that a finished test run has to end by itself. */
const GRACE_S = 60;

/**
 * Ends a test run that is over and does not end, because a test that failed left something running: without it the
 * verdict would never come.
 */
const endsAtLast: Reporter = {
  onTestRunEnd: (_modules, _errors, reason) => {
    setTimeout(() => {
      console.error(`the test run was over ${GRACE_S} s ago and did not end: something was left running`);
      process.exit(reason === 'passed' ? 0 : 1);
    }, GRACE_S * 1_000).unref();
  },
};

/** One test configuration for every package: suites next to the code and in `test/`, results kept as JSON for the sum. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', '*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    reporters: ['default', 'json', endsAtLast],
    outputFile: { json: 'test-results/vitest.json' },
    // More than one wait of the tests, each of which gives up after a minute: a machine that stands still for some seconds fails nothing.
    testTimeout: 180_000,
    hookTimeout: 120_000,
    // Two packages already run at once on two cores (nx.json `parallel`): more forks only make each of them slower.
    maxWorkers: 2,
  },
});
