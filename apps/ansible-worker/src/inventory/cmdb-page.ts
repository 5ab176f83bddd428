import { hostNameSchema, type InventoryGroups } from '@switchyard/contracts';
import { z } from 'zod';

/**
 * Ansible evaluates `{{ }}` in variables on the machine of the worker, so that a CMDB could run programs there: each
 * field is held to the characters that it needs.
 */
const field = (pattern: RegExp, what: string) => z.string().max(253).regex(pattern, `is not ${what}`);

const hostSchema = z.object({
  name: field(/^[A-Za-z0-9_][\w.:-]*$/, 'the name of a host (letters, digits, _ . : -)').pipe(hostNameSchema),
  ip: field(/^[\w.:%-]+$/, 'an address'),
  user: field(/^[\w.@\\+-]+\$?$/, 'the name of a user'),
  role: field(/^[A-Za-z_][\w-]*$/, 'the name of a group (letters, digits, _ -)'),
});
export type CmdbHost = z.output<typeof hostSchema>;

/** One answer of a CMDB. Fields that are not named here are left out. */
export const cmdbPageSchema = z.object({
  hosts: z.array(hostSchema),
  /** Address of the next page, absolute or relative to this one; null or missing on the last. */
  next: z.string().min(1).nullish(),
  /** How many hosts there are on all pages. */
  total: z.number().int().nonnegative().nullish(),
});

/** Hosts as a run or the cache keeps them. */
export const cmdbHostsSchema = z.array(hostSchema);

/** Groups that exist whether or not a host has their role, so that a play may name them. */
const KNOWN_ROLES = ['web', 'db'];

/** The inventory: every host below `all` with its variables, and a group for each role. */
export function cmdbGroups(hosts: readonly CmdbHost[], become: boolean): InventoryGroups {
  const roles = [...new Set([...KNOWN_ROLES, ...hosts.map(({ role }) => role)])].filter((role) => role !== 'all');
  const variables = ({ ip, user }: CmdbHost) => ({ ansible_host: ip, ansible_user: user, ansible_become: become });
  return {
    all: { hosts: Object.fromEntries(hosts.map((host) => [host.name, variables(host)])) },
    ...Object.fromEntries(
      roles.map((role) => {
        const members = hosts.filter((host) => host.role === role);
        return [role, { hosts: Object.fromEntries(members.map(({ name }) => [name, null])) }] as const;
      }),
    ),
  };
}
