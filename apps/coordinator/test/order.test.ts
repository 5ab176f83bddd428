import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, FOREIGN_QUEUE, startHarness, type Harness } from './harness.js';

const play = (id: string, playbook: string, more: object = {}): object => ({
  id,
  uses: 'ansible',
  with: { playbook },
  ...more,
});

describe('the steps of a runbook', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.stop());

  it('run in the order of their needs, and hand results on with their types', async () => {
    const handle = await harness.start(
      [
        play('configure', 'site.yml', {
          needs: ['network', 'schema'],
          with: { playbook: 'site.yml', limit: '${{ steps.network.result.outputs.hosts.value }}' },
        }),
        { id: 'network', uses: 'terraform', with: { stack: { path: 'net' }, vars: { env: '${{ inputs.env }}' } } },
        {
          id: 'schema',
          uses: 'database-migration',
          needs: ['network'],
          with: { database: 'app', changelogFile: 'cl.yaml' },
        },
        {
          id: 'warm',
          uses: 'workflow',
          needs: ['configure'],
          with: { type: 'WarmCaches', taskQueue: FOREIGN_QUEUE, input: { env: '${{ inputs.env }}-${{ run.id }}' } },
        },
      ],
      { book: { inputs: { env: { type: 'string', default: 'dev' } } }, inputs: { env: 'prod' } },
    );
    const result = await handle.result();
    expect(harness.notesOf(handle)).toEqual(['net', 'cl.yaml', 'site.yml', `warm prod-${handle.workflowId}`]);
    expect(harness.inputOf(handle, 'site.yml')).toEqual({ playbook: 'site.yml', limit: ['a', 'b', 'c'] });
    expect(result).toMatchObject({
      runId: handle.workflowId,
      warnings: [],
      steps: { warm: { outcome: 'successful', result: { warmed: `prod-${handle.workflowId}` } } },
    });
    const status = await harness.statusOf(handle);
    expect(status).toMatchObject({ kind: 'runbook', state: 'done', progress: 100, title: 'Runbook test' });
    expect(status.steps.map((step) => `${step.id} ${step.state}`)).toEqual([
      'configure done',
      'network done',
      'schema done',
      'warm done',
    ]);
    expect(status.steps[1]?.children).toMatchObject([
      { workflowId: `${handle.workflowId}/network`, type: 'TerraformWorkflow' },
    ]);
  });

  it('keep sensitive outputs as references', async () => {
    const result = await harness.run([
      { id: 'net', uses: 'terraform', with: { stack: { path: 'net' } } },
      {
        id: 'warm',
        uses: 'workflow',
        needs: ['net'],
        with: {
          type: 'WarmCaches',
          taskQueue: FOREIGN_QUEUE,
          input: { env: '${{ steps.net.result.outputs.password.ref }}' },
        },
      },
    ]);
    expect(result.steps['warm']?.result).toEqual({ warmed: 'artifact:sha256:abc' });
  });

  it('are refused a value that was too large for the result of a step, by the name of the output', async () => {
    const handle = await harness.start([
      { id: 'net', uses: 'terraform', with: { stack: { path: 'net' } } },
      play('a', '${{ steps.net.result.outputs.large.value }}', { needs: ['net'] }),
    ]);
    expect(await failureOf(handle.result())).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('output "large" of step "net" is too large for a result') as string,
    });
  });

  it('are skipped when their condition is false, and what needs them runs all the same', async () => {
    const result = await harness.run(
      [
        play('a', 'a.yml', { when: "inputs.env == 'prod'" }),
        play('b', 'b.yml', { needs: ['a'], when: "${{ steps.a.outcome == 'skipped' }}" }),
        play('c', 'c.yml', { needs: ['b'], when: false }),
      ],
      { book: { inputs: { env: { type: 'string', default: 'dev' } } } },
    );
    expect(Object.entries(result.steps).map(([id, step]) => `${id} ${step.outcome}`)).toEqual([
      'a skipped',
      'b successful',
      'c skipped',
    ]);
  });

  it('end the run with the code of the step that failed, the result in the details', async () => {
    const handle = await harness.start([play('a', 'fail-a.yml'), play('b', 'b.yml', { needs: ['a'] })]);
    const failure = await failureOf(handle.result());
    expect(failure.code).toBe('AnsibleHostsFailed');
    expect(failure.message).toBe('step "a": fail-a.yml did not work');
    expect(failure.details).toMatchObject({
      runId: handle.workflowId,
      steps: {
        a: { outcome: 'failed', result: { failedHosts: ['web1'] }, error: { code: 'AnsibleHostsFailed' } },
        b: { outcome: 'skipped', result: null },
      },
    });
    expect(harness.notesOf(handle)).toEqual(['fail-a.yml']);
  });

  it('start no further once one failed, but for those that speak of the failure; running ones end', async () => {
    const handle = await harness.start([
      play('bad', 'fail.yml'),
      play('brief', 'brief.yml'),
      play('later', 'later.yml', { needs: ['brief'] }),
      play('mend', 'mend.yml', { needs: ['bad'], when: "steps.bad.error.code == 'AnsibleHostsFailed'" }),
      play('always', 'always.yml', { needs: ['bad', 'brief'], when: true }),
    ]);
    const { details } = await failureOf(handle.result());
    expect(details).toMatchObject({
      steps: {
        brief: { outcome: 'successful' },
        later: { outcome: 'skipped' },
        mend: { outcome: 'successful' },
        always: { outcome: 'successful' },
      },
    });
    expect(harness.notesOf(handle)).not.toContain('later.yml');
  });

  it('go on after a failure where onFailure is continue, without what needs the failed step', async () => {
    const result = await harness.run([
      play('a', 'fail.yml', { onFailure: 'continue' }),
      play('b', 'b.yml', { needs: ['a'] }),
      play('c', 'c.yml', { needs: ['b'] }),
      play('d', 'd.yml'),
    ]);
    expect(Object.values(result.steps).map((step) => step.outcome)).toEqual([
      'failed',
      'skipped',
      'skipped',
      'successful',
    ]);
    expect(result.warnings).toEqual([expect.stringContaining('step "a" failed, and the run went on')]);
  });

  it('take a notification that fails for a warning, unless the step says otherwise', async () => {
    const tell = { id: 'tell', uses: 'notify', with: { url: 'http://127.0.0.1:1/hook', text: 'done' } };
    const result = await harness.run([tell]);
    expect(result.steps['tell']).toMatchObject({ outcome: 'successful', result: { delivered: false } });
    expect(result.warnings).toEqual([expect.stringContaining('answered 403')]);
    expect((await failureOf(harness.run([{ ...tell, onFailure: 'fail' }]))).code).toBe('UpstreamFailed');
  });

  it('hand each service its input, and one effect that stays the same over attempts', async () => {
    const secret = { $secret: 'token' };
    const jira = { url: 'http://jira', token: secret, project: 'OPS' };
    const handle = await harness.start([
      { id: 'hosts', uses: 'cmdb', with: { rest: { url: 'http://cmdb' }, query: { env: 'prod' } } },
      play('configure', 'site.yml', {
        needs: ['hosts'],
        with: { playbook: 'site.yml', inventory: { groups: '${{ steps.hosts.result.groups }}' } },
      }),
      { id: 'ticket', uses: 'ticket', needs: ['configure'], with: { jira, summary: 'scaled' } },
      {
        id: 'page',
        uses: 'page',
        needs: ['ticket'],
        with: { routingKey: secret, summary: 'see ${{ steps.ticket.result.key }}' },
      },
    ]);
    await handle.result();
    expect(harness.inputOf(handle, 'site.yml')).toMatchObject({
      inventory: { groups: { all: { hosts: { web1: { ansible_host: '10.0.0.1' } } } } },
    });
    const calls = harness.services.filter(({ run }) => run.runId === handle.workflowId);
    expect(calls.map(({ step, effect, run }) => [step, effect === `${run.executionId}/${run.runId}/${step}`])).toEqual([
      ['hosts', true],
      ['ticket', true],
      ['page', true],
    ]);
    expect(calls[2]?.input).toMatchObject({ summary: 'see OPS-7', routingKey: secret, severity: 'error' });
  });

  it('are tried again with backoff, each attempt a child of its own', async () => {
    const call = {
      id: 'warm',
      uses: 'workflow',
      with: { type: 'WarmCaches', taskQueue: FOREIGN_QUEUE, input: { env: 'x' } },
    };
    const flaky = {
      id: 'net',
      uses: 'terraform',
      with: { stack: { path: 'flaky-net' } },
      retry: { attempts: 3, delay: 20 },
    };
    const handle = await harness.start([flaky, call]);
    await handle.result();
    const status = await harness.statusOf(handle);
    expect(status.steps[0]).toMatchObject({ state: 'done', attempt: 3 });
    expect(status.steps[0]?.children?.map((child) => child.workflowId)).toEqual(
      ['', '/a2', '/a3'].map((end) => `${handle.workflowId}/net${end}`),
    );
    expect((await failureOf(harness.run([{ ...flaky, retry: { attempts: 2, delay: 20 } }]))).code).toBe(
      'TerraformApplyFailed',
    );
  });

  it('hand the retry of a playbook to AnsibleWorkflow, which knows the hosts', async () => {
    const handle = await harness.start([
      play('a', 'a.yml', { retry: { attempts: 4, only: 'failed-hosts', delay: '2s' } }),
    ]);
    await handle.result();
    expect(harness.inputOf(handle, 'a.yml')).toEqual({
      playbook: 'a.yml',
      retry: { attempts: 4, only: 'failed-hosts', delay: 2_000 },
    });
  });

  it('end with TimedOut when their time is up, after what they started has ended', async () => {
    const handle = await harness.start([play('a', 'slow.yml', { timeout: '300ms' })]);
    const failure = await failureOf(handle.result());
    expect(failure).toMatchObject({
      code: 'TimedOut',
      message: 'step "a": took longer than 300 ms and was ended',
    });
    expect(harness.notesOf(handle)).toEqual(['slow.yml', 'ended slow.yml']);
  });

  it('call another team, whose own failure codes become StepFailed', async () => {
    const failure = await failureOf(
      harness.run([{ id: 'a', uses: 'workflow', with: { type: 'BreakCaches', taskQueue: FOREIGN_QUEUE } }]),
    );
    expect(failure).toMatchObject({ code: 'StepFailed', message: 'step "a": CacheTooCold: the cache is too cold' });
  });

  it('run another runbook as a child, whose failure code comes through', async () => {
    const inner = (playbook: string): object => ({
      apiVersion: 'switchyard.dev/v1',
      kind: 'Runbook',
      metadata: { name: 'inner' },
      inputs: { book: { type: 'string' } },
      steps: [play('x', playbook)],
    });
    const outer = (playbook: string): object[] => [
      { id: 'in', uses: 'runbook', with: { runbook: inner(playbook), inputs: { book: 'q' } } },
    ];
    const result = await harness.run(outer('good.yml'));
    expect(result.steps['in']?.result).toMatchObject({ steps: { x: { outcome: 'successful' } } });
    expect((await failureOf(harness.run(outer('fail.yml')))).code).toBe('AnsibleHostsFailed');
  });

  it('wait for a time, and for a signal, also one that came too early', async () => {
    const handle = await harness.start([
      { id: 'first', uses: 'wait', with: { for: 200 } },
      { id: 'second', uses: 'wait', needs: ['first'], with: { signal: 'go' } },
      { id: 'third', uses: 'wait', needs: ['second'], with: { signal: 'go' } },
    ]);
    await handle.signal('go', { who: 'early' });
    await harness.until(handle, 'the third step waits', (s) => s.steps[2]?.state === 'waiting');
    await handle.signal('go', { who: 'late' });
    expect(await handle.result()).toMatchObject({
      steps: { second: { result: { who: 'early' } }, third: { result: { who: 'late' } } },
    });
    expect(
      (await failureOf(harness.run([{ id: 'a', uses: 'wait', with: { signal: 'never', timeout: 100 } }]))).code,
    ).toBe('GateFailed');
  });

  it('keep a result that is too large without its largest fields, and say so', async () => {
    const result = await harness.run([
      {
        id: 'a',
        uses: 'workflow',
        with: { type: 'WarmCaches', taskQueue: FOREIGN_QUEUE, input: { env: 'x', bytes: 300_000 } },
      },
    ]);
    expect(result.steps['a']?.result).toMatchObject({
      warmed: 'x',
      verdict: 'fine',
      big: { trimmed: true, chars: 300_002 },
    });
    expect(result.warnings).toEqual(['the result of step "a" was too large to keep: big left out']);
  });
});
