import { describe, expect, it } from 'vitest';
import { failure, lost, SECRET, TOKEN, useWorld } from './world.js';

const world = useWorld();
const servicenow = (more: object = {}): object => ({ url: world().fake.url, user: 'svc', password: TOKEN, ...more });
const open = (more: object = {}): object => ({ servicenow: servicenow(), summary: 'disk full', ...more });
const record = { sys_id: '9d38', number: 'INC0010001' };
const LIST = 'GET /api/now/table/incident';
const CREATE = 'POST /api/now/table/incident';

describe('tickets of ServiceNow', () => {
  it('are opened once, with a correlation id of the step', async () => {
    const { fake, call, asked } = world();
    fake.on({ [CREATE]: { status: 201, body: { result: record } } });
    const first = await call('keepTicket', open({ fields: { urgency: '1' } }));
    expect(first).toEqual({ key: 'INC0010001', id: '9d38', url: `${fake.url}/incident.do?sys_id=9d38`, changed: true });
    expect(await call('keepTicket', open())).toMatchObject({ key: 'INC0010001', changed: false });
    const [request, ...more] = asked(CREATE);
    expect(more).toEqual([]);
    expect(request?.headers['authorization']).toBe(`Basic ${Buffer.from(`svc:${SECRET}`).toString('base64')}`);
    expect(request?.json).toMatchObject({
      short_description: 'disk full',
      urgency: '1',
      correlation_id: expect.stringMatching(/^switchyard-/) as string,
    });
  });

  it('are found by it when the answer was lost', async () => {
    const { fake, call, asked } = world();
    let id = '';
    fake.on({
      [CREATE]: ({ json }) => {
        id = (json as { correlation_id: string }).correlation_id;
        return lost;
      },
      [LIST]: ({ query }) => ({
        body: { result: query['sysparm_query'] === `correlation_id=${id}` ? [{ ...record, active: 'true' }] : [] },
      }),
    });
    await failure(call('keepTicket', open()));
    expect(await call('keepTicket', open())).toMatchObject({ key: 'INC0010001', changed: false });
    expect(asked(CREATE)).toHaveLength(1);
  });

  it('are closed by their number, once', async () => {
    const { fake, call, asked } = world();
    const PATCH = 'PATCH /api/now/table/incident/9d38';
    fake.on({
      [LIST]: [
        { body: { result: [{ ...record, active: 'true' }] } },
        { body: { result: [{ ...record, active: 'false' }] } },
      ],
      [PATCH]: { body: { result: record } },
    });
    const close = open({ action: 'close', key: 'INC0010001', comment: 'mended', fields: { close_code: 'Solved' } });
    expect(await call('keepTicket', close)).toMatchObject({ changed: true });
    expect(await call('keepTicket', close)).toMatchObject({ changed: false });
    expect(asked(PATCH).map(({ json }) => json)).toEqual([{ state: '7', close_notes: 'mended', close_code: 'Solved' }]);
  });

  it('are never asked for by more than one number', async () => {
    const { fake, call } = world();
    const failed = await failure(call('keepTicket', open({ action: 'close', key: 'INC1^ORactive=true' })));
    expect(failed).toMatchObject({ type: 'InvalidInput', nonRetryable: true });
    expect(fake.requests).toEqual([]);
  });

  it('say what ServiceNow says', async () => {
    const { fake, call } = world();
    fake.on({
      [CREATE]: {
        status: 403,
        body: { error: { message: 'Operation Failed', detail: 'ACL exception' }, status: 'failure' },
      },
    });
    const failed = await failure(call('keepTicket', open()));
    expect(failed).toMatchObject({ type: 'AuthFailed' });
    expect(failed.message).toContain('Operation Failed: ACL exception');
  });
});
