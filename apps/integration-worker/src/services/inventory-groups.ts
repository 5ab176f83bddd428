import { CodedError, type CmdbInput, type CmdbResult } from '@switchyard/contracts';
import type { CmdbHost } from './cmdb.js';

type Groups = CmdbResult['groups'];

/** Names that mean one host to Ansible: no range, no pattern, no option. */
const HOST_NAME = /^[A-Za-z0-9_][\w.:-]*$/;

/**
 * The hosts as groups of an Ansible inventory: `all` with the variables of each host, and one group for each value of
 * the field that names it.
 * @throws CodedError UpstreamFailed for a name that Ansible would take for several hosts
 */
export function inventoryGroups(
  hosts: readonly CmdbHost[],
  { groupBy, variables }: Pick<CmdbInput, 'groupBy' | 'variables'>,
): Groups {
  const groups = new Map<string, Record<string, Record<string, unknown>>>([['all', {}]]);
  const put = (group: string, name: string, vars: Record<string, unknown>): void => {
    groups.set(group, { ...groups.get(group), [name]: vars });
  };
  const all: Record<string, Record<string, unknown>> = {};
  for (const host of hosts) {
    if (!HOST_NAME.test(host.name)) {
      throw new CodedError('UpstreamFailed', `the CMDB has a host "${host.name}", which is no name of one host`, {
        retryable: false,
      });
    }
    const given = Object.entries(variables).map(([variable, field]) => [variable, host[field]] as const);
    all[host.name] = Object.fromEntries(given.filter(([, value]) => value !== undefined && value !== null));
    for (const group of groupNames(host[groupBy])) put(group, host.name, {});
  }
  groups.set('all', all);
  return Object.fromEntries([...groups].map(([group, members]) => [group, { hosts: members }]));
}

/** Ansible allows letters, digits and underscores in the name of a group. */
function groupNames(value: unknown): string[] {
  const names = Array.isArray(value) ? value : [value];
  return names
    .filter((name): name is string => typeof name === 'string' && name !== '')
    .map((name) => name.replaceAll(/\W/g, '_').replace(/^(?=\d)/, '_'))
    .filter((name) => name !== 'all');
}
