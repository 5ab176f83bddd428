import { describe, expect, it } from 'vitest';
import { diagnose, type ToolCommand } from './diagnose.js';
import { diagnosticSchema } from './ui-message.js';

const range = { filename: 'main.tf', start: { line: 3, column: 5 } };

const failure = (command: ToolCommand, given: Record<string, unknown>) =>
  diagnose({
    command,
    stack: 'infra/network',
    diagnostics: [diagnosticSchema.parse({ severity: 'error', detail: '', ...given })],
    tail: [],
    exitCode: 1,
  });

const LOCKED = `Error message: resource temporarily unavailable
Lock Info:
  ID:        ecafa480-eed1-c1c2-867c-647847b2f1a5
  Path:      terraform.tfstate
  Operation: OperationTypeApply
  Who:       root@vm
  Version:   1.11.4
  Created:   2026-11-20 19:31:29.916634669 +0000 UTC
  Info:

Terraform acquires a state lock`;

describe('diagnose', () => {
  it.each<[string, ToolCommand, Record<string, unknown>, string, boolean]>([
    [
      'a syntax error at init',
      'init',
      { summary: 'Unclosed configuration block', range },
      'TerraformConfigInvalid',
      false,
    ],
    [
      'an undeclared reference',
      'plan',
      { summary: 'Reference to undeclared local value', range },
      'TerraformConfigInvalid',
      false,
    ],
    [
      'a variable without a value',
      'plan',
      { summary: 'No value for required variable', range },
      'TerraformConfigInvalid',
      false,
    ],
    [
      'a registry that is out of reach',
      'init',
      { summary: 'Failed to query available provider packages', detail: 'dial tcp: lookup registry: no such host' },
      'TerraformInitFailed',
      true,
    ],
    [
      'a provider that does not exist',
      'init',
      {
        summary: 'Failed to query available provider packages',
        detail: 'provider registry does not have a provider named nope',
      },
      'TerraformInitFailed',
      false,
    ],
    [
      'a module that cannot be fetched, although it points at the call',
      'init',
      { summary: 'Failed to download module', detail: 'connection refused', range },
      'TerraformInitFailed',
      true,
    ],
    [
      'an API that says no',
      'plan',
      { summary: 'creating VM: not authorised', address: 'vm.a', range },
      'TerraformPlanFailed',
      false,
    ],
    [
      'an API that asks to slow down',
      'plan',
      { summary: 'reading VM: ThrottlingException: Rate exceeded', address: 'vm.a', range },
      'TerraformPlanFailed',
      true,
    ],
    ['a stale plan', 'apply', { summary: 'Saved plan is stale' }, 'TerraformPlanStale', false],
    [
      'a plan of another release',
      'apply',
      {
        summary: 'Failed to load plan',
        detail: 'plan files cannot be transferred between different Terraform versions',
      },
      'TerraformPlanStale',
      false,
    ],
    [
      'a locked state',
      'plan',
      { summary: 'Error acquiring the state lock', detail: LOCKED },
      'TerraformStateLocked',
      false,
    ],
    [
      'a state that cannot be read, although the heading speaks of the lock',
      'plan',
      { summary: 'Error acquiring the state lock', detail: 'Error message: Unsupported state file format: version 9' },
      'TerraformPlanFailed',
      false,
    ],
    [
      'an apply that was throttled: it is never made again blindly',
      'apply',
      { summary: 'Rate exceeded', address: 'vm.a' },
      'TerraformApplyFailed',
      false,
    ],
  ])('gives %s its own code', (_, command, given, code, retryable) => {
    const error = failure(command, given);
    expect({ code: error.code, retryable: error.retryable }).toEqual({ code, retryable });
  });

  it('names the holder of the lock', () => {
    const error = failure('plan', { summary: 'Error acquiring the state lock', detail: LOCKED });
    expect(error.message).toContain('locked by root@vm (apply, since 2026-11-20 19:31:29.916634669 +0000 UTC)');
    expect(error.details).toMatchObject({
      holder: { id: 'ecafa480-eed1-c1c2-867c-647847b2f1a5', path: 'terraform.tfstate' },
    });
  });

  it('names the place in the configuration', () => {
    const error = failure('plan', { summary: 'Unsupported argument', detail: 'No argument named "x".', range });
    expect(error.message).toBe(
      'plan of "infra/network" failed: main.tf:3:5: Unsupported argument: No argument named "x".',
    );
  });

  it('falls back to the last words of a tool that gave no diagnostics', () => {
    const error = diagnose({ command: 'show', stack: 's', diagnostics: [], tail: ['panic: oh', ''], exitCode: 11 });
    expect(error.message).toBe('show of "s" failed: panic: oh');
    expect(error.details).toMatchObject({ exitCode: 11, tail: ['panic: oh', ''] });
  });
});
