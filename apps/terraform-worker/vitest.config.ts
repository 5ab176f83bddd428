import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

export default mergeConfig(shared, {
  test: {
    globalSetup: ['@switchyard/testkit/global-setup'],
    // Every file starts workers on terraform-queue, and the name of the queue is fixed.
    fileParallelism: false,
  },
});
