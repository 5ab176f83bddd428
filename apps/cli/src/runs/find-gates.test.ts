import type { GateStatus } from '@switchyard/contracts';
import { expect, it } from 'vitest';
import { chooseGate, type OpenGate } from './find-gates.js';

const gate = (workflowId: string, name: string): OpenGate => ({ workflowId, gate: { name } as GateStatus });

it('takes the only open gate without a name', () => {
  expect(chooseGate([gate('run', 'plan')], undefined)).toEqual({ chosen: gate('run', 'plan') });
});

it('asks for a name when several are open, and takes the name of the step to tell two alike apart', () => {
  const gates = [gate('run/a', 'plan'), gate('run/b', 'plan')];
  expect(chooseGate(gates, undefined)).toEqual({
    problem: 'several gates are open; name one with --gate: a/plan, b/plan',
  });
  expect(chooseGate(gates, 'b/plan')).toEqual({ chosen: gates[1] });
});

it('says what is open when the name is wrong, and what to do when nothing is', () => {
  expect(chooseGate([gate('run', 'plan')], 'prod')).toEqual({ problem: 'gate "prod" is not open; open: run/plan' });
  expect(chooseGate([], 'prod')).toMatchObject({ problem: expect.stringContaining('no gate is open') as string });
});
