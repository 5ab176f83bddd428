import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

export default mergeConfig(shared, {
  test: {
    globalSetup: ['@switchyard/testkit/global-setup'],
    // Every file starts workers on the one task queue: two files at once would take each other's tasks.
    fileParallelism: false,
    testTimeout: 120_000,
  },
});
