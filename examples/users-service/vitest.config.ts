import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

export default mergeConfig(shared, {
  test: {
    globalSetup: ['@switchyard/testkit/global-setup/postgres'],
    // Each file runs a gateway, replicas and a load; two at once would be a test of the machine.
    fileParallelism: false,
  },
});
