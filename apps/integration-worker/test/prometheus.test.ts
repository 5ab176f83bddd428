import { describe, expect, it } from 'vitest';
import { failure, SECRET, TOKEN, useWorld } from './world.js';

const world = useWorld();
const QUERY = 'GET /api/v1/query';
const vector = (...values: [Record<string, string>, string][]): object => ({
  body: {
    status: 'success',
    data: {
      resultType: 'vector',
      result: values.map(([metric, value]) => ({ metric, value: [1_700_000_000.5, value] })),
    },
  },
});
const health = (condition: object, more: object = {}): Promise<unknown> =>
  world().call('checkHealth', {
    prometheus: { url: world().fake.url, headers: { Authorization: TOKEN } },
    queries: { cpu: { query: 'avg(cpu) by (instance)', ...condition } },
    interval: 10,
    within: 200,
    ...more,
  });

describe('health by queries of Prometheus', () => {
  it('gives the value nearest to failing, for a decision by a later step', async () => {
    const { fake, asked } = world();
    fake.on({ [QUERY]: vector([{ instance: 'a' }, '41.5'], [{ instance: 'b' }, '87.25']) });
    expect(await health({ below: 90 })).toMatchObject({ healthy: ['cpu'], values: { cpu: 87.25 }, checks: 1 });
    expect(asked(QUERY)[0]).toMatchObject({
      query: { query: 'avg(cpu) by (instance)' },
      headers: { authorization: SECRET },
    });
  });

  it('waits until the condition holds often enough in a row', async () => {
    const { fake } = world();
    fake.on({ [QUERY]: [vector([{}, '95']), vector([{}, '70']), vector([{}, '95']), vector([{}, '70'])] });
    expect(await health({ below: 90 }, { successes: 2, within: 5_000 })).toMatchObject({ checks: 5 });
  });

  it('fails the gate with what was required and observed', async () => {
    const { fake } = world();
    fake.on({ [QUERY]: vector([{ __name__: 'cpu', instance: 'b' }, '97']) });
    expect(await failure(health({ below: 90, max: 95 }))).toMatchObject({
      type: 'GateFailed',
      details: [
        {
          failing: [
            {
              name: 'cpu',
              required: 'avg(cpu) by (instance) < 90 and <= 95, 1 times in a row',
              observed: 'cpu{instance="b"} 97',
            },
          ],
        },
      ],
    });
  });

  it('takes neither a metric that is gone nor a Prometheus that does not answer for proof', async () => {
    const { fake } = world();
    fake.on({ [QUERY]: vector() });
    expect((await failure(health({ below: 90 }))).message).toContain('cpu: no series');
    expect(await health({ below: 90, absent: 'pass' })).toMatchObject({ values: { cpu: null } });
    fake.on({ [QUERY]: { status: 503, body: { status: 'error', errorType: 'timeout', error: 'query timed out' } } });
    expect((await failure(health({ below: 90 }))).message).toContain('query timed out');
  });

  it('takes a scalar, and values that are no numbers for a failure', async () => {
    const { fake } = world();
    const scalar = (value: string): object => ({
      body: { status: 'success', data: { resultType: 'scalar', result: [1, value] } },
    });
    fake.on({ [QUERY]: scalar('3') });
    expect(await health({ equals: 3 })).toMatchObject({ values: { cpu: 3 } });
    fake.on({ [QUERY]: scalar('NaN') });
    expect(await failure(health({ below: 90 }))).toMatchObject({ type: 'GateFailed' });
  });

  it.each([
    [
      'a query that does not parse',
      { status: 400, body: { status: 'error', errorType: 'bad_data', error: 'parse error' } },
      'InvalidInput',
    ],
    ['a range', { body: { status: 'success', data: { resultType: 'matrix', result: [] } } }, 'InvalidInput'],
    ['credentials that are refused', { status: 401 }, 'AuthFailed'],
  ])('ends at once for %s', async (_what, answer, type) => {
    const { fake, asked } = world();
    fake.on({ [QUERY]: answer });
    expect(await failure(health({ below: 90 }, { within: 60_000 }))).toMatchObject({ type, nonRetryable: true });
    expect(asked(QUERY)).toHaveLength(1);
  });

  it('asks URLs and queries together', async () => {
    const { fake } = world();
    fake.on({ 'GET /health': {}, [QUERY]: vector([{}, '1']) });
    expect(await health({ min: 1 }, { urls: [`${fake.url}/health`] })).toMatchObject({
      healthy: [`${fake.url}/health`, 'cpu'],
    });
  });
});
