import type { DnsRecord } from '@switchyard/contracts';

/** What the step `dns` needs from a service that keeps zones. */
export interface DnsZone {
  /** The record set as it stands; null when there is none. */
  readonly read: () => Promise<DnsRecord | null>;
  /** Makes the record set what is said. Safe to repeat. */
  readonly put: (record: DnsRecord) => Promise<DnsChange>;
  /** Removes the record set that stands there now. */
  readonly remove: (now: DnsRecord) => Promise<DnsChange>;
}

/** A change that the service took. */
export interface DnsChange {
  /** Waits until all name servers have it, where the service tells. @returns null when it does not, or nobody asked */
  readonly settled: () => Promise<boolean | null>;
}

/** Types whose values end with the name of a host. */
const NAMES_HOST = ['CNAME', 'NS', 'MX', 'SRV'];

/** A value by which two that mean the same are the same: names of hosts without final dot, in lower case. */
export function comparable(type: string, value: string): string {
  return NAMES_HOST.includes(type) ? value.replace(/\.$/, '').toLowerCase() : value;
}

/** Whether two record sets say the same. */
export function isSame(type: string, a: DnsRecord | null, b: DnsRecord | null): boolean {
  if (a === null || b === null) return a === b;
  const valuesOf = ({ values }: DnsRecord): string => JSON.stringify(values.map((v) => comparable(type, v)).toSorted());
  return a.ttl === b.ttl && valuesOf(a) === valuesOf(b);
}

/** A name as zones are compared: lower case, without final dot. */
export const bareName = (name: string): string => name.replace(/\.$/, '').toLowerCase();
