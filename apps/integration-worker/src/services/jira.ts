import { CodedError, type JiraTarget, type TicketInput, type TicketResult } from '@switchyard/contracts';
import { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import { markOf } from '../effects/mark.js';
import { once } from '../effects/once.js';
import { basicAuth, jsonApi, type JsonApi } from './json-api.js';

const issue = z.object({ id: z.string(), key: z.string() });
const found = z.object({ issues: z.array(issue) });
const status = z.object({
  id: z.string(),
  key: z.string(),
  fields: z.object({ status: z.object({ name: z.string(), statusCategory: z.object({ key: z.string() }) }) }),
});
const transitions = z.object({
  transitions: z.array(z.object({ id: z.string(), name: z.string(), to: z.object({ name: z.string() }) })),
});
const refusal = z.object({
  errorMessages: z.array(z.string()).default([]),
  errors: z.record(z.string(), z.string()).default({}),
});

/** Jira Cloud indexes a new issue within seconds; until then a search does not show it. */
const SEARCH_LAG_MS = 20_000;

/** Opens or closes an issue of Jira. */
export async function keepIssue(tools: CallTools, target: JiraTarget, input: TicketInput): Promise<TicketResult> {
  const token = await tools.text(target.token);
  const api = jsonApi(tools, {
    name: 'Jira',
    url: target.url,
    headers: { authorization: target.user === undefined ? `Bearer ${token}` : basicAuth(target.user, token) },
    timeoutMs: input.timeout,
    ca: input.ca === undefined ? undefined : await tools.text(input.ca),
    saidIn: (body) => {
      const said = refusal.safeParse(body);
      if (!said.success) return undefined;
      const { errorMessages, errors } = said.data;
      return [...errorMessages, ...Object.entries(errors).map(([field, text]) => `${field}: ${text}`)].join('; ');
    },
  });
  const shown = (one: z.output<typeof issue>, changed: boolean): TicketResult => ({
    key: one.key,
    id: one.id,
    url: `${target.url.replace(/\/+$/, '')}/browse/${one.key}`,
    changed,
  });
  if (input.action === 'close') return closeIssue(api, target, input, shown);
  const { made, isNew } = await once(tools, {
    kind: 'ticket',
    schema: issue,
    idOf: ({ key }) => key,
    searchLagMs: SEARCH_LAG_MS,
    lookUp: async () => {
      const { issues } = await searchIssues(api, `labels = "${markOf(tools.effect)}"`);
      return issues[0];
    },
    make: () =>
      api.ask(issue, {
        method: 'POST',
        path: '/rest/api/2/issue',
        body: {
          fields: {
            project: { key: target.project },
            issuetype: { name: target.issueType },
            summary: input.summary,
            ...(input.description === '' ? {} : { description: input.description }),
            ...input.fields,
            labels: [markOf(tools.effect), ...target.labels, ...labelsIn(input.fields)],
          },
        },
      }),
  });
  return shown(made, isNew);
}

/** Labels among the further fields stand beside ours. */
function labelsIn({ labels }: TicketInput['fields']): unknown[] {
  return Array.isArray(labels) ? labels : [];
}

/** The cloud searches at another address than the data center, which has only the older one. */
async function searchIssues(api: JsonApi, jql: string): Promise<z.output<typeof found>> {
  const query = { jql, fields: 'summary', maxResults: '2' };
  const newer = await api.send({ method: 'GET', path: '/rest/api/2/search/jql', query, allow: [404, 405] });
  if (newer.status === 404 || newer.status === 405) {
    return api.ask(found, { method: 'GET', path: '/rest/api/2/search', query });
  }
  return api.read(found, newer);
}

async function closeIssue(
  api: JsonApi,
  target: JiraTarget,
  input: TicketInput,
  shown: (one: z.output<typeof issue>, changed: boolean) => TicketResult,
): Promise<TicketResult> {
  const path = `/rest/api/2/issue/${encodeURIComponent(input.key ?? '')}`;
  const answer = await api.send({ method: 'GET', path, query: { fields: 'status' }, allow: [404] });
  if (answer.status === 404) throw new CodedError('NotFound', `Jira has no issue ${input.key}`);
  const now = api.read(status, answer);
  if (now.fields.status.statusCategory.key === 'done') return shown(now, false);
  const ways = (await api.ask(transitions, { method: 'GET', path: `${path}/transitions` })).transitions;
  const wanted = target.transition.toLowerCase();
  const way = ways.find(({ name, to }) => name.toLowerCase() === wanted || to.name.toLowerCase() === wanted);
  if (!way) {
    const names = ways.map(({ name }) => `"${name}"`).join(', ') || 'none';
    throw new CodedError(
      'NotFound',
      `issue ${now.key} is "${now.fields.status.name}" and has no transition "${target.transition}"; it has: ${names}`,
    );
  }
  await api.send({
    method: 'POST',
    path: `${path}/transitions`,
    body: {
      transition: { id: way.id },
      ...(Object.keys(input.fields).length ? { fields: input.fields } : {}),
      ...(input.comment === undefined ? {} : { update: { comment: [{ add: { body: input.comment } }] } }),
    },
  });
  return shown(now, true);
}
