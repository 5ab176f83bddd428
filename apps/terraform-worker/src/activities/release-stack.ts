import type { RunRef } from '@switchyard/contracts';
import { removeWorkDirectory } from '../stack/work-directory.js';
import type { TerraformDeps } from './deps.js';

/** Gives the stack back when a plan is not going to be applied. Harmless when there is nothing to give back. */
export async function releaseStack(deps: TerraformDeps, { ref }: { readonly ref: RunRef }): Promise<void> {
  await Promise.all([deps.locks.release(ref), removeWorkDirectory(deps.workDir, ref.executionId)]);
}
