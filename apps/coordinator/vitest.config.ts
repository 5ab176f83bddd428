import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

export default mergeConfig(shared, {
  test: {
    globalSetup: ['@switchyard/testkit/global-setup', '@switchyard/testkit/global-setup/time-skipping'],
    // Every file starts workers on the real queue names of the one server.
    fileParallelism: false,
  },
});
