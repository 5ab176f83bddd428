import type { TestProject } from 'vitest/node';
import { makeRoot, removeRoot } from './checkout.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Root of the checkout whose stack the test files share. */
    e2eRoot: string;
  }
}

/** Global set-up of vitest: a checkout for the test files that share one stack. The first of them starts the stack. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const root = await makeRoot();
  project.provide('e2eRoot', root);
  return () => removeRoot(root);
}
