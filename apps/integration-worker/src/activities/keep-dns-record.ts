import {
  CodedError,
  dnsRecordSchema,
  dnsSchema,
  parseOrThrow,
  type DnsInput,
  type DnsRecord,
  type DnsResult,
  type IntegrationActivities,
} from '@switchyard/contracts';
import { once } from '../effects/once.js';
import { isSame, type DnsZone } from '../services/dns.js';
import { goDaddyZone } from '../services/godaddy.js';
import { openRoute53 } from '../services/route53-client.js';
import { route53Zone } from '../services/route53.js';
import { inLastingCall, type CallTools } from './call.js';
import type { IntegrationPorts } from './ports.js';

/** Step `dns`: makes one record set what is said, or removes it, and tells what stood there before. */
export function createKeepDnsRecord(ports: IntegrationPorts): IntegrationActivities['keepDnsRecord'] {
  return (call) =>
    inLastingCall(ports, call, async (tools) => {
      const input = parseOrThrow(dnsSchema, call.input, `step "${call.step}"`);
      const result = await inZone(tools, input, (zone) => keep(tools, zone, input));
      const { changed, after } = result;
      const shown = after === null ? 'gone' : `${after.values.join(', ')} (${after.ttl} s)`;
      await tools.tell({
        type: changed ? 'dns_changed' : 'dns_kept',
        message: `${input.name} ${input.type} is ${shown}${changed ? '' : ' already'}`,
        subject: input.name,
        data: { before: result.before, after },
      });
      return result;
    });
}

async function inZone<T>(tools: CallTools, input: DnsInput, work: (zone: DnsZone) => Promise<T>): Promise<T> {
  if (input.godaddy) return work(await goDaddyZone(tools, input.godaddy, input));
  if (!input.route53) throw new CodedError('InvalidInput', 'a DNS record needs `route53` or `godaddy`');
  const api = await openRoute53(tools, input.route53, input);
  try {
    return await work(await route53Zone(tools, api, input.route53, input));
  } finally {
    api.close();
  }
}

async function keep(tools: CallTools, zone: DnsZone, { action, type, values, ttl }: DnsInput): Promise<DnsResult> {
  const now = await zone.read();
  const before = await firstSeen(tools, now);
  const after = action === 'upsert' ? { values, ttl } : null;
  if (isSame(type, now, after)) return { changed: !isSame(type, before, after), before, after, inSync: null };
  const change = after ? await zone.put(after) : await removed(zone, now);
  return { changed: true, before, after, inSync: await change.settled() };
}

async function removed(zone: DnsZone, now: DnsRecord | null) {
  if (now === null) return { settled: async () => null };
  return zone.remove(now);
}

/**
 * What stood there before the step changed anything. It is written down before the change is sent: an attempt after a
 * lost answer sees its own change, and a compensation that put that back would undo nothing.
 */
async function firstSeen(tools: CallTools, now: DnsRecord | null): Promise<DnsRecord | null> {
  const { made } = await once(tools, {
    kind: 'record-before',
    schema: dnsRecordSchema.nullable(),
    idOf: () => 'before',
    // Nothing is sent until it is written down: what stands there now is still what stood there before.
    lookUp: async () => now ?? undefined,
    make: async () => now,
  });
  return made;
}
