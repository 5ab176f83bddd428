import type { CmdbInput, RestCmdbTarget } from '@switchyard/contracts';
import { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import type { Cmdb } from './cmdb.js';
import { jsonApi } from './json-api.js';
import { lowerCased } from '../http/lower-cased.js';

const host = z.looseObject({ name: z.string().min(1) });
const hosts = z.union([z.object({ hosts: z.array(host) }).transform((body) => body.hosts), z.array(host)]);
const record = z.record(z.string(), z.unknown());
const refusal = z.object({ message: z.string() }).or(z.object({ error: z.string() }));

/** A CMDB that keeps one record per name: `GET /hosts`, `PUT /hosts/<name>`, `DELETE /hosts/<name>`. */
export async function restCmdb(tools: CallTools, target: RestCmdbTarget, input: CmdbInput): Promise<Cmdb> {
  const headers = (await tools.resolve(target.headers)) as Record<string, string>;
  const api = jsonApi(tools, {
    name: 'the CMDB',
    url: target.url,
    headers: lowerCased(headers),
    timeoutMs: input.timeout,
    ca: input.ca === undefined ? undefined : await tools.text(input.ca),
    saidIn: (body) => {
      const said = refusal.safeParse(body);
      if (!said.success) return undefined;
      return 'message' in said.data ? said.data.message : said.data.error;
    },
  });
  const pathOf = (name: string): string => `${target.path}/${encodeURIComponent(name)}`;
  return {
    read: (query) =>
      api.ask(hosts, {
        method: 'GET',
        path: target.path,
        query: Object.fromEntries(Object.entries(query).map(([key, value]) => [key, String(value)])),
      }),
    async upsert(name, attributes) {
      const answer = await api.send({ method: 'PUT', path: pathOf(name), body: { ...attributes, name } });
      const kept = record.safeParse(answer.body);
      // A CMDB may answer with nothing; then the record is what was sent.
      return { record: kept.success ? kept.data : { ...attributes, name }, changed: true };
    },
    async remove(name) {
      const { status } = await api.send({ method: 'DELETE', path: pathOf(name), allow: [404, 410] });
      return status !== 404 && status !== 410;
    },
  };
}
