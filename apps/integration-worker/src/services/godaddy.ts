import { CodedError, type DnsInput, type DnsRecord, type GoDaddyTarget } from '@switchyard/contracts';
import { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import { bareName, type DnsChange, type DnsZone } from './dns.js';
import { jsonApi } from './json-api.js';

const records = z.array(z.object({ data: z.string(), ttl: z.number().int(), priority: z.number().int().optional() }));
const refusal = z.object({
  code: z.string(),
  message: z.string().default(''),
  fields: z.array(z.object({ path: z.string(), message: z.string() })).default([]),
  retryAfterSec: z.number().optional(),
});

/** GoDaddy does not tell when all of its name servers have a change. */
const TAKEN: DnsChange = { settled: async () => null };

/** One record set of a domain at GoDaddy. Putting replaces all records of the name and type. */
export async function goDaddyZone(tools: CallTools, target: GoDaddyTarget, input: DnsInput): Promise<DnsZone> {
  const { type } = input;
  if (type === 'SRV' || type === 'CAA') {
    throw new CodedError(
      'InvalidInput',
      `${type} records of GoDaddy have more fields than a step names; keep them with Terraform`,
    );
  }
  const path = `/v1/domains/${encodeURIComponent(target.domain)}/records/${type}/${encodeURIComponent(within(target.domain, input.name))}`;
  const api = jsonApi(tools, {
    name: 'GoDaddy',
    url: target.url,
    headers: { authorization: `sso-key ${await tools.text(target.key)}:${await tools.text(target.secret)}` },
    timeoutMs: input.timeout,
    ca: input.ca === undefined ? undefined : await tools.text(input.ca),
    saidIn: (body) => {
      const said = refusal.safeParse(body).data;
      if (!said) return undefined;
      return [`${said.code} ${said.message}`.trim(), ...said.fields.map((one) => `${one.path}: ${one.message}`)].join(
        '; ',
      );
    },
    waitIn: (body) => {
      const seconds = refusal.safeParse(body).data?.retryAfterSec;
      return seconds === undefined ? undefined : seconds * 1_000;
    },
  });
  return {
    async read() {
      const answer = await api.send({ method: 'GET', path, allow: [404] });
      if (answer.status === 404) {
        if (refusal.safeParse(answer.body).data?.code !== 'UNKNOWN_DOMAIN') return null;
        throw new CodedError(
          'NotFound',
          `GoDaddy does not know the domain ${target.domain}, or it is of another account`,
        );
      }
      const found = api.read(records, answer);
      const [first] = found;
      if (!first) return null;
      const values = found.map(({ data, priority }) => (type === 'MX' ? `${priority ?? 0} ${data}` : data));
      return { values, ttl: first.ttl };
    },
    async put({ values, ttl }: DnsRecord) {
      const body = values.map((value) => ({ ...dataOf(type, value), ttl }));
      await api.send({ method: 'PUT', path, body });
      return TAKEN;
    },
    async remove() {
      await api.send({ method: 'DELETE', path, allow: [404] });
      return TAKEN;
    },
  };
}

/** GoDaddy names records within their domain; `@` is the domain itself. */
function within(domain: string, name: string): string {
  const [whole, zone] = [bareName(name), bareName(domain)];
  if (whole === zone) return '@';
  if (whole.endsWith(`.${zone}`)) return whole.slice(0, -zone.length - 1);
  throw new CodedError('InvalidInput', `${name} is not within the domain ${domain}`);
}

function dataOf(type: string, value: string): { data: string; priority?: number } {
  if (type !== 'MX') return { data: value };
  const [, priority, data] = /^(\d+)\s+(\S+)$/.exec(value) ?? [];
  if (priority === undefined || data === undefined) {
    throw new CodedError(
      'InvalidInput',
      `"${value}" is no value of an MX record; write for example 10 mail.example.com`,
    );
  }
  return { data, priority: Number(priority) };
}
