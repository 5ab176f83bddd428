import { mergeConfig } from 'vitest/config';
import shared from '../vitest.shared.ts';

// Each file starts a whole stack: one at a time is faster on two cores than two that starve each other.
export default mergeConfig(shared, { test: { fileParallelism: false, testTimeout: 300_000, hookTimeout: 180_000 } });
