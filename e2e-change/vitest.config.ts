import { mergeConfig } from 'vitest/config';
import shared from '../vitest.shared.ts';

export default mergeConfig(shared, {
  test: {
    globalSetup: ['@switchyard/testkit/global-setup'],
    // Every file starts workers on the same task queues: two files at once would take each other's tasks.
    fileParallelism: false,
    testTimeout: 180_000,
  },
});
