import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

export default mergeConfig(shared, {
  test: {
    globalSetup: ['@switchyard/testkit/global-setup'],
    // Every file starts workers on ansible-queue, and the name of the queue is fixed.
    fileParallelism: false,
    // A test may run several playbooks, each with a Python of its own.
    testTimeout: 120_000,
  },
});
