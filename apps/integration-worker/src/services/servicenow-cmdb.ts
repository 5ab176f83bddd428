import type { CmdbInput, ServiceNowTarget } from '@switchyard/contracts';
import { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import type { Cmdb } from './cmdb.js';
import { queryValue, serviceNowApi } from './servicenow.js';

const item = z.looseObject({ name: z.string(), sys_id: z.string() });
const many = z.object({ result: z.array(item) });
const one = z.object({ result: item });

const PAGE = 1_000;
/** More would not fit into the result of a step. */
const MOST_PAGES = 20;

/** The CMDB of ServiceNow: configuration items of one class, known by their names. */
export async function serviceNowCmdb(tools: CallTools, target: ServiceNowTarget, input: CmdbInput): Promise<Cmdb> {
  const api = await serviceNowApi(tools, target, input);
  const path = `/api/now/table/${target.table ?? 'cmdb_ci_server'}`;
  const shown = { sysparm_display_value: 'true', sysparm_exclude_reference_link: 'true' };
  const list = async (condition: string, limit: number, offset = 0) => {
    const query = {
      ...shown,
      sysparm_query: condition,
      sysparm_limit: String(limit),
      sysparm_offset: String(offset),
    };
    return (await api.ask(many, { method: 'GET', path, query })).result;
  };
  const find = async (name: string) => (await list(`name=${queryValue(name)}`, 1))[0];
  return {
    async read(query) {
      const condition = Object.entries(query).map(([key, value]) => `${queryValue(key)}=${queryValue(String(value))}`);
      const items: z.output<typeof item>[] = [];
      for (let page = 0; page < MOST_PAGES; page += 1) {
        // One after the other: a page is asked for only when the one before was full.
        // oxlint-disable-next-line no-await-in-loop
        const found = await list([...condition, 'ORDERBYname'].join('^'), PAGE, page * PAGE);
        items.push(...found);
        if (found.length < PAGE) break;
      }
      return items;
    },
    async upsert(name, attributes) {
      // By name, also when it is tried again: what an attempt with a lost answer made is found and changed.
      const known = await find(name);
      const body = { ...attributes, name };
      const place = known ? `${path}/${known.sys_id}` : path;
      const { result } = await api.ask(one, { method: known ? 'PATCH' : 'POST', path: place, query: shown, body });
      return { record: result, changed: true };
    },
    async remove(name) {
      const known = await find(name);
      if (!known) return false;
      const { status } = await api.send({ method: 'DELETE', path: `${path}/${known.sys_id}`, allow: [404] });
      return status !== 404;
    },
  };
}
