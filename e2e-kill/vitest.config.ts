import { mergeConfig } from 'vitest/config';
import shared from '../vitest.shared.ts';

export default mergeConfig(shared, {
  test: {
    // One stack at work at a time is faster on two cores than two that starve each other.
    fileParallelism: false,
    testTimeout: 300_000,
    // The start of a stack, on a machine that is busy with other suites.
    hookTimeout: 330_000,
  },
});
