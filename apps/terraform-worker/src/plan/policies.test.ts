import { terraformPoliciesSchema } from '@switchyard/contracts';
import { describe, expect, it } from 'vitest';
import { resourceChangeSchema } from './plan-document.js';
import { judgePlan, refuseViolations } from './policies.js';

const entry = (address: string, actions: string[], more: Record<string, unknown> = {}) =>
  resourceChangeSchema.parse({ address, type: address.split('.').at(-2), change: { actions }, ...more });

const judge = (policies: Record<string, unknown>, ...entries: ReturnType<typeof entry>[]) =>
  judgePlan(terraformPoliciesSchema.parse(policies), entries);

const broken = (...args: Parameters<typeof judge>) =>
  judge(...args).violations.map(({ rule, address }) => `${rule} ${address}`);

describe('judgePlan', () => {
  it('asks nothing without rules', () => {
    expect(judgePlan(undefined, [entry('aws_db.x', ['delete'])])).toEqual({ results: [], violations: [] });
    expect(judge({}, entry('aws_db.x', ['delete']))).toEqual({ results: [], violations: [] });
  });

  it('forbids to destroy and to replace objects of a type, by its name or a pattern', () => {
    const plan = [
      entry('aws_db_instance.gone', ['delete']),
      entry('module.a.aws_db_instance.anew', ['delete', 'create'], { action_reason: 'replace_because_cannot_update' }),
      entry('aws_db_instance.edited', ['update']),
      entry('aws_db_instance.made', ['create']),
      entry('aws_instance.gone', ['delete']),
    ];
    const both = ['forbidDestroy aws_db_instance.gone', 'forbidDestroy module.a.aws_db_instance.anew'];
    expect(broken({ forbidDestroy: ['aws_db_instance'] }, ...plan)).toEqual(both);
    expect(broken({ forbidDestroy: ['aws_db_*'] }, ...plan)).toEqual(both);
    expect(broken({ forbidDestroy: ['aws_db'] }, ...plan)).toEqual([]);
    expect(judge({ forbidDestroy: ['aws_db_instance'] }, ...plan).violations[1]).toEqual({
      rule: 'forbidDestroy',
      address: 'module.a.aws_db_instance.anew',
      message:
        'forbidDestroy: module.a.aws_db_instance.anew would be replaced (replace because cannot update), and objects of type aws_db_instance may not be destroyed',
      wayOut:
        'Change the configuration so that it stays as it is, or take it out of policies.forbidDestroy for this run',
    });
  });

  it.each(['update', 'delete', 'forget'])('lets nothing %s what is protected', (action) => {
    expect(broken({ protect: ['a.x'] }, entry('a.x', [action]), entry('a.xy', [action]))).toEqual(['protect a.x']);
  });

  it('protects everything below an address, also under a new name, and lets it be created', () => {
    const plan = [
      entry('module.db.a.x', ['update']),
      entry('module.db["eu"].a.x', ['update']),
      entry('module.dbs.a.x', ['update']),
      entry('module.db.a.new', ['create']),
      entry('a.renamed', ['update'], { previous_address: 'module.db.a.old' }),
    ];
    expect(broken({ protect: ['module.db'] }, ...plan)).toEqual([
      'protect module.db.a.x',
      'protect module.db["eu"].a.x',
      'protect a.renamed',
    ]);
    expect(broken({ protect: ['a.x[0]'] }, entry('a.x[0]', ['update']), entry('a.x[1]', ['update']))).toEqual([
      'protect a.x[0]',
    ]);
  });

  it('limits how much one plan changes and destroys, and tells what it found where the limit holds', () => {
    const plan = [entry('a.new', ['create']), entry('a.anew', ['create', 'delete']), entry('a.gone', ['delete'])];
    expect(judge({ maxChanges: 3, maxDestroys: 2 }, ...plan)).toEqual({
      results: [
        { rule: 'maxChanges', required: 'at most 3', observed: '3' },
        { rule: 'maxDestroys', required: 'at most 2', observed: '2' },
      ],
      violations: [],
    });
    expect(broken({ maxChanges: 2, maxDestroys: 1 }, ...plan)).toEqual(['maxChanges null', 'maxDestroys null']);
    expect(broken({ maxDestroys: 0 }, entry('a.moved', ['no-op'], { previous_address: 'a.old' }))).toEqual([]);
  });
});

describe('refuseViolations', () => {
  it('names rule, address and the way out, and lists every violation for programs', () => {
    const report = judge({ protect: ['a.*'], maxDestroys: 0 }, entry('a.x', ['delete']), entry('a.y', ['delete']));
    expect(() => refuseViolations('net', report)).toThrow(
      expect.objectContaining({
        code: 'PolicyDenied',
        message:
          'the plan of "net" is refused: protect: a.x would be destroyed, and it is protected (and 2 more). Change the configuration so that it stays as it is, or take it out of policies.protect for this run',
        details: { violations: report.violations },
      }),
    );
    expect(() => refuseViolations('net', judge({ maxDestroys: 2 }))).not.toThrow();
  });

  it('cuts a long list', () => {
    const many = Array.from({ length: 60 }, (_, i) => entry(`a.x${i}`, ['delete']));
    expect(() => refuseViolations('net', judge({ forbidDestroy: ['*'] }, ...many))).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ moreViolations: 10 }) }),
    );
  });
});
