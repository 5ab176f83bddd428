import type { FakeAnswer, FakeHttp } from './fake-http.js';

/** A record set: its values, and how long resolvers may keep them, in seconds. */
export interface RecordSet {
  readonly ttl: number;
  readonly values: readonly string[];
}

/** Options of {@link hostedZone}. */
export interface HostedZoneOptions {
  /** Status of a change each time that it is asked for; afterwards it is INSYNC. Default: INSYNC at once. */
  readonly sync?: readonly string[];
  /** The answer to the first change is lost, and the change is made. Default false. */
  readonly losesFirst?: boolean;
}

const xml = (body: string): FakeAnswer => ({
  body: `<?xml version="1.0"?>${body}`,
  headers: { 'content-type': 'text/xml' },
});
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
const unescaped = (text: string): string => text.replaceAll('&quot;', '"').replaceAll('&amp;', '&');
const tag = (text: string, name: string): string[] =>
  [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, inner]) => unescaped(inner ?? ''));

/**
 * Adds the hosted zone `example.com` (id `Z1`) of Route 53 to a fake: the documented XML of its API of 2013-04-01. It
 * keeps its record sets in `sets`, by name and type as in `app.example.com A`.
 */
export function hostedZone(
  fake: FakeHttp,
  sets: Map<string, RecordSet>,
  { sync = [], losesFirst = false }: HostedZoneOptions = {},
): Map<string, RecordSet> {
  let isLosing = losesFirst;
  const syncs = [...sync];
  fake.on({
    'GET /2013-04-01/hostedzonesbyname': ({ query }) =>
      xml(
        `<ListHostedZonesByNameResponse><HostedZones>${
          query['dnsname'] === 'example.com'
            ? '<HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name><CallerReference>x</CallerReference></HostedZone>'
            : ''
        }</HostedZones><IsTruncated>false</IsTruncated><MaxItems>2</MaxItems></ListHostedZonesByNameResponse>`,
      ),
    'GET /2013-04-01/hostedzone/Z1/rrset': ({ query }) => {
      const set = sets.get(`${query['name']} ${query['type']}`);
      const values = set?.values.map((value) => `<ResourceRecord><Value>${escaped(value)}</Value></ResourceRecord>`);
      const shown = set
        ? `<ResourceRecordSet><Name>${query['name']?.replace('*', String.raw`\052`)}.</Name><Type>${query['type']}</Type><TTL>${set.ttl}</TTL><ResourceRecords>${values?.join('')}</ResourceRecords></ResourceRecordSet>`
        : '';
      return xml(
        `<ListResourceRecordSetsResponse><ResourceRecordSets>${shown}</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>1</MaxItems></ListResourceRecordSetsResponse>`,
      );
    },
    'POST /2013-04-01/hostedzone/Z1/rrset': ({ body }) => {
      const [name = ''] = tag(body, 'Name');
      const [type = ''] = tag(body, 'Type');
      if (tag(body, 'Action')[0] === 'DELETE') sets.delete(`${name} ${type}`);
      else sets.set(`${name} ${type}`, { ttl: Number(tag(body, 'TTL')[0]), values: tag(body, 'Value') });
      if (isLosing) {
        isLosing = false;
        return { drop: true };
      }
      return xml(
        '<ChangeResourceRecordSetsResponse><ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>',
      );
    },
    'GET /2013-04-01/change/C1': () =>
      xml(
        `<GetChangeResponse><ChangeInfo><Id>/change/C1</Id><Status>${syncs.shift() ?? 'INSYNC'}</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo></GetChangeResponse>`,
      ),
  });
  return sets;
}
