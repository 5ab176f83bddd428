import { describe, expect, it } from 'vitest';
import { failure, lost, SECRET, TOKEN, useWorld } from './world.js';

const world = useWorld();
const jira = (more: object = {}): object => ({
  url: world().fake.url,
  user: 'bot@acme.dev',
  token: TOKEN,
  project: 'OPS',
  ...more,
});
const open = (more: object = {}): object => ({ jira: jira(), summary: 'disk full', description: 'db1', ...more });
const created = { status: 201, body: { id: '10001', key: 'OPS-7', self: 'x' } };
const SEARCH = 'GET /rest/api/2/search/jql';
const CREATE = 'POST /rest/api/2/issue';

describe('opening an issue', () => {
  it('opens it once with a label of the step, also when the call is delivered twice', async () => {
    const { fake, call, asked } = world();
    fake.on({ [CREATE]: created });
    const first = await call('keepTicket', open({ fields: { priority: { name: 'High' }, labels: ['disk'] } }));
    expect(first).toEqual({ key: 'OPS-7', id: '10001', url: `${fake.url}/browse/OPS-7`, changed: true });
    expect(await call('keepTicket', open())).toEqual({ ...(first as object), changed: false });
    const [request, ...more] = asked(CREATE);
    expect(more).toEqual([]);
    expect(request?.headers['authorization']).toBe(`Basic ${Buffer.from(`bot@acme.dev:${SECRET}`).toString('base64')}`);
    expect(request?.json).toMatchObject({
      fields: {
        project: { key: 'OPS' },
        issuetype: { name: 'Task' },
        summary: 'disk full',
        priority: { name: 'High' },
        labels: [expect.stringMatching(/^switchyard-[0-9a-f]{32}$/) as string, 'disk'],
      },
    });
  });

  it('finds the issue that an attempt made whose answer was lost', async () => {
    const { fake, call, asked } = world();
    let label = '';
    fake.on({
      [CREATE]: ({ json }) => {
        label = (json as { fields: { labels: [string] } }).fields.labels[0];
        return lost;
      },
      [SEARCH]: ({ query }) => ({
        body: { issues: query['jql'] === `labels = "${label}"` ? [{ id: '10001', key: 'OPS-7' }] : [] },
      }),
    });
    await failure(call('keepTicket', open()));
    expect(await call('keepTicket', open())).toMatchObject({ key: 'OPS-7', changed: false });
    expect(asked(CREATE)).toHaveLength(1);
  });

  it('asks a search that lags behind again before it would open a second issue', async () => {
    const { fake, call, asked } = world();
    fake.on({
      [CREATE]: lost,
      [SEARCH]: [{ body: { issues: [] } }, { body: { issues: [{ id: '10001', key: 'OPS-7' }] } }],
    });
    await failure(call('keepTicket', open()));
    expect(await call('keepTicket', open())).toMatchObject({ key: 'OPS-7' });
    expect(asked(CREATE)).toHaveLength(1);
  });

  it('opens it when the search had time enough and shows none; a data center is searched at its older address', async () => {
    const { fake, call, asked, ageLedger } = world();
    fake.on({ [CREATE]: [lost, created], 'GET /rest/api/2/search': { body: { issues: [] } } });
    await failure(call('keepTicket', open()));
    await ageLedger();
    expect(await call('keepTicket', open())).toMatchObject({ key: 'OPS-7', changed: true });
    expect(asked(CREATE)).toHaveLength(2);
    expect(asked('GET /rest/api/2/search')).toHaveLength(1);
  });

  it('says which field Jira refuses, and knows that nothing was opened', async () => {
    const { fake, call, ledger } = world();
    fake.on({
      [CREATE]: { status: 400, body: { errorMessages: [], errors: { issuetype: 'Specify a valid issue type' } } },
    });
    const failed = await failure(call('keepTicket', open()));
    expect(failed).toMatchObject({ type: 'UpstreamFailed', nonRetryable: true });
    expect(failed.message).toContain('issuetype: Specify a valid issue type');
    expect(await ledger()).toMatchObject([{ action: 'ticket', state: 'failed' }]);
  });

  it('signs in with a personal access token alone, and names a refused one as such', async () => {
    const { fake, call, asked } = world();
    fake.on({ [CREATE]: { status: 401, body: 'no' } });
    const failed = await failure(call('keepTicket', open({ jira: jira({ user: undefined }) })));
    expect(failed).toMatchObject({ type: 'AuthFailed', nonRetryable: true });
    expect(asked(CREATE)[0]?.headers['authorization']).toBe(`Bearer ${SECRET}`);
    expect(JSON.stringify([failed.message, failed.details])).not.toContain(SECRET);
  });
});

describe('closing an issue', () => {
  const close = (more: object = {}): object => ({
    jira: jira(),
    action: 'close',
    key: 'OPS-7',
    comment: 'mended',
    ...more,
  });
  const issue = (key: string): object => ({
    body: { id: '10001', key: 'OPS-7', fields: { status: { name: 'x', statusCategory: { key } } } },
  });
  const ISSUE = 'GET /rest/api/2/issue/OPS-7';
  const ways = {
    body: {
      transitions: [
        { id: '11', name: 'Start', to: { name: 'Doing' } },
        { id: '31', name: 'Finish', to: { name: 'Done' } },
      ],
    },
  };

  it('takes the transition that leads there, with a comment', async () => {
    const { fake, call, asked } = world();
    fake.on({
      [ISSUE]: issue('new'),
      [`${ISSUE}/transitions`]: ways,
      'POST /rest/api/2/issue/OPS-7/transitions': { status: 204 },
    });
    expect(await call('keepTicket', close())).toMatchObject({ key: 'OPS-7', changed: true });
    expect(asked('POST /rest/api/2/issue/OPS-7/transitions')[0]?.json).toEqual({
      transition: { id: '31' },
      update: { comment: [{ add: { body: 'mended' } }] },
    });
  });

  it('changes nothing when it is closed already', async () => {
    const { fake, call, asked } = world();
    fake.on({ [ISSUE]: issue('done') });
    expect(await call('keepTicket', close())).toMatchObject({ changed: false });
    expect(asked('POST /rest/api/2/issue/OPS-7/transitions')).toEqual([]);
  });

  it('names the transitions that there are, and an issue that is not there', async () => {
    const { fake, call } = world();
    fake.on({ [ISSUE]: issue('new'), [`${ISSUE}/transitions`]: ways });
    const failed = await failure(call('keepTicket', close({ jira: jira({ transition: 'Closed' }) })));
    expect(failed).toMatchObject({ type: 'NotFound' });
    expect(failed.message).toContain('no transition "Closed"; it has: "Start", "Finish"');
    expect(await failure(call('keepTicket', close({ key: 'OPS-8' })))).toMatchObject({ type: 'NotFound' });
  });
});
