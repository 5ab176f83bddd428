import { setTimeout as sleep } from 'node:timers/promises';
import {
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  ListHostedZonesByNameCommand,
  ListResourceRecordSetsCommand,
  type ChangeAction,
  type ResourceRecordSet,
} from '@aws-sdk/client-route-53';
import { CodedError, type DnsInput, type DnsRecord, type Route53Target } from '@switchyard/contracts';
import type { CallTools } from '../activities/call.js';
import { bareName, type DnsChange, type DnsZone } from './dns.js';
import type { Route53 } from './route53-client.js';
import { quotedTxt, unquotedTxt } from './txt.js';

/** Between two looks at a change that is under way. */
const LOOK_MS = 2_000;

/** One record set of a hosted zone. */
export async function route53Zone(
  tools: CallTools,
  api: Route53,
  target: Route53Target,
  { name, type }: DnsInput,
): Promise<DnsZone> {
  const zone = await zoneIdOf(api, target.zone);
  const change = async (action: ChangeAction, { values, ttl }: DnsRecord): Promise<DnsChange> => {
    const records = values.map((value) => ({ Value: type === 'TXT' ? quotedTxt(value) : value }));
    const set: ResourceRecordSet = { Name: name, Type: type, TTL: ttl, ResourceRecords: records };
    const { ChangeInfo: info } = await api.ask((client) =>
      client.send(
        new ChangeResourceRecordSetsCommand({
          HostedZoneId: zone,
          ChangeBatch: {
            Comment: `Switchyard ${tools.run.runId}`,
            Changes: [{ Action: action, ResourceRecordSet: set }],
          },
        }),
      ),
    );
    return { settled: () => waitForSync(tools, api, info?.Id, target.waitForSync) };
  };
  return {
    async read() {
      const { ResourceRecordSets: sets = [] } = await api.ask((client) =>
        client.send(
          new ListResourceRecordSetsCommand({
            HostedZoneId: zone,
            StartRecordName: name,
            StartRecordType: type,
            MaxItems: 1,
          }),
        ),
      );
      const set = sets.find((one) => one.Type === type && nameOf(one) === bareName(name));
      if (!set) return null;
      if (set.AliasTarget !== undefined || set.SetIdentifier !== undefined) {
        throw new CodedError(
          'InvalidInput',
          `${name} ${type} is an alias or one of several weighted records, which a step would not put back as they are; change it with Terraform`,
        );
      }
      const values = (set.ResourceRecords ?? []).map(({ Value = '' }) => (type === 'TXT' ? unquotedTxt(Value) : Value));
      return { values, ttl: set.TTL ?? 0 };
    },
    put: (record) => change('UPSERT', record),
    remove: (now) => change('DELETE', now),
  };
}

/** The id behind a name, where only one zone has it: a private one may have the name of a public one. */
async function zoneIdOf(api: Route53, zone: string): Promise<string> {
  if (!zone.includes('.')) return zone.replace(/^\/hostedzone\//, '');
  const { HostedZones: zones = [] } = await api.ask((client) =>
    client.send(new ListHostedZonesByNameCommand({ DNSName: zone, MaxItems: 2 })),
  );
  const found = zones.filter(({ Name = '' }) => bareName(Name) === bareName(zone));
  const [one, another] = found;
  if (!one?.Id) throw new CodedError('NotFound', `Route 53 has no hosted zone ${zone}`);
  if (another) {
    throw new CodedError(
      'InvalidInput',
      `several hosted zones are named ${zone}; name the one that is meant by its id`,
    );
  }
  return one.Id.replace(/^\/hostedzone\//, '');
}

async function waitForSync(
  { signal, tell }: CallTools,
  api: Route53,
  id: string | undefined,
  within: number,
): Promise<boolean | null> {
  if (within === 0 || id === undefined) return null;
  const deadline = Date.now() + within;
  for (;;) {
    const { ChangeInfo: info } = await api.ask((client) => client.send(new GetChangeCommand({ Id: id })));
    if (info?.Status === 'INSYNC') return true;
    if (Date.now() + LOOK_MS > deadline) break;
    await sleep(LOOK_MS, undefined, { signal });
  }
  await tell({
    type: 'dns_pending',
    level: 'warning',
    message: `not all name servers have the change after ${within} ms`,
  });
  return false;
}

/** Names come back with a final dot, and `*` as `\052`. */
function nameOf({ Name = '' }: ResourceRecordSet): string {
  return bareName(Name.replaceAll(String.raw`\052`, '*'));
}
