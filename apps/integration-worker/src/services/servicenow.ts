import { CodedError, type ServiceNowTarget, type TicketInput, type TicketResult } from '@switchyard/contracts';
import { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import { markOf } from '../effects/mark.js';
import { once } from '../effects/once.js';
import { basicAuth, jsonApi, type JsonApi } from './json-api.js';

const ticket = z.object({ sys_id: z.string(), number: z.string() });
const one = z.object({ result: ticket });
const many = z.object({ result: z.array(ticket.extend({ active: z.string().default('true') })) });
const refusal = z.object({ error: z.object({ message: z.string(), detail: z.string().nullable().default(null) }) });

/** State "Closed" of an incident. */
const INCIDENT_CLOSED = '7';

/** Opens or closes a record of a table of tasks. */
export async function keepRecord(
  tools: CallTools,
  target: ServiceNowTarget,
  input: TicketInput,
): Promise<TicketResult> {
  const api = await serviceNowApi(tools, target, input);
  const table = target.table ?? 'incident';
  const path = `/api/now/table/${table}`;
  const shown = (record: z.output<typeof ticket>, changed: boolean): TicketResult => ({
    key: record.number,
    id: record.sys_id,
    url: `${target.url.replace(/\/+$/, '')}/${table}.do?sys_id=${record.sys_id}`,
    changed,
  });
  const find = async (condition: string) => {
    const query = { sysparm_query: condition, sysparm_fields: 'sys_id,number,active', sysparm_limit: '2' };
    return (await api.ask(many, { method: 'GET', path, query })).result[0];
  };
  if (input.action === 'close') {
    const record = await find(`number=${queryValue(input.key ?? '')}`);
    if (!record) throw new CodedError('NotFound', `ServiceNow has no ${input.key} in ${table}`);
    if (record.active === 'false') return shown(record, false);
    const note = input.comment ?? 'Closed by Switchyard';
    const closing = table === 'incident' ? { state: INCIDENT_CLOSED, close_notes: note } : { close_notes: note };
    await api.send({ method: 'PATCH', path: `${path}/${record.sys_id}`, body: { ...closing, ...input.fields } });
    return shown(record, true);
  }
  const mark = markOf(tools.effect);
  const { made, isNew } = await once(tools, {
    kind: 'ticket',
    schema: ticket,
    idOf: ({ number }) => number,
    lookUp: async () => {
      const record = await find(`correlation_id=${mark}`);
      return record && { sys_id: record.sys_id, number: record.number };
    },
    make: async () => {
      const body = {
        short_description: input.summary,
        ...(input.description === '' ? {} : { description: input.description }),
        ...input.fields,
        correlation_id: mark,
        correlation_display: 'switchyard',
      };
      return (await api.ask(one, { method: 'POST', path, body })).result;
    },
  });
  return shown(made, isNew);
}

/** The client of one instance. */
export async function serviceNowApi(
  tools: CallTools,
  target: ServiceNowTarget,
  { timeout, ca }: Pick<TicketInput, 'timeout' | 'ca'>,
): Promise<JsonApi> {
  const { user, password, token } = target;
  const authorization =
    token === undefined
      ? basicAuth(user ?? '', password === undefined ? '' : await tools.text(password))
      : `Bearer ${await tools.text(token)}`;
  return jsonApi(tools, {
    name: 'ServiceNow',
    url: target.url,
    headers: { authorization },
    timeoutMs: timeout,
    ca: ca === undefined ? undefined : await tools.text(ca),
    saidIn: (body) => {
      const said = refusal.safeParse(body);
      if (!said.success) return undefined;
      const { message, detail } = said.data.error;
      return detail === null || detail === '' ? message : `${message}: ${detail}`;
    },
  });
}

/** A value within an encoded query, whose separator it cannot hold. @throws CodedError InvalidInput */
export function queryValue(value: string): string {
  if (!value.includes('^')) return value;
  throw new CodedError('InvalidInput', `"${value}" holds a ^, which separates the conditions of a query of ServiceNow`);
}
