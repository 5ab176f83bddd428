import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

export default mergeConfig(shared, {
  test: {
    globalSetup: ['@switchyard/testkit/global-setup'],
    // Several files start workers on the real queue names of the one server.
    fileParallelism: false,
  },
});
