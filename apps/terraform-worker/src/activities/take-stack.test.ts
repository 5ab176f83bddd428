import { terraformInputSchema, type ProgressReport } from '@switchyard/contracts';
import { describe, expect, it } from 'vitest';
import type { LockHolder } from './deps.js';
import { takeStack } from './take-stack.js';

const HOLDER: LockHolder = { name: 'terraform:net:default', workflowId: 'tf-1', reason: 'apply of net', since: 'noon' };

async function taken(attempts: readonly (readonly LockHolder[])[], number = 1): Promise<ProgressReport[]> {
  const reports: ProgressReport[] = [];
  await takeStack(
    {
      report: (_, report) => Promise.resolve(void reports.push(report)),
      locks: {
        acquire: ({ onBlocked }) => Promise.resolve(attempts.forEach((held) => onBlocked(held))),
        release: () => Promise.resolve(),
      },
    },
    {
      name: HOLDER.name,
      ref: { runId: 'tf-2', workflowId: 'tf-2', executionId: 'e' },
      input: terraformInputSchema.parse({ stack: { path: 'net' } }),
      step: 'plan',
      attempt: { number, signal: new AbortController().signal },
    },
  );
  return reports;
}

describe('takeStack', () => {
  it('says nothing when the stack is free', async () => {
    expect(await taken([])).toEqual([]);
  });

  it('shows each holder once, with its reason and since when, and that the wait is over', async () => {
    const other = { ...HOLDER, workflowId: 'tf-9' };
    expect(await taken([[HOLDER], [HOLDER], [], [other]])).toMatchObject([
      {
        step: 'plan',
        detail: 'tf-1 has the stack since noon (apply of net)',
        waitingFor: { kind: 'lock', name: 'terraform:net:default' },
      },
      { detail: 'tf-9 has the stack since noon (apply of net)' },
      { waitingFor: null },
    ]);
  });

  it('takes back what an attempt that died while it waited has shown', async () => {
    expect(await taken([], 2)).toMatchObject([{ waitingFor: null }]);
  });
});
