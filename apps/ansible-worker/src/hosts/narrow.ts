import { CodedError } from '@switchyard/contracts';

/** A pattern with `*` and `?` as a regular expression over whole names. */
function glob(pattern: string): RegExp {
  const text = pattern
    .replaceAll(/[\\^$+.()|[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${text}$`);
}

/**
 * Narrows hosts by a limit over names: `web1`, `web*`, `!web3`. Groups are not known here, so a pattern that matches no
 * host is refused instead of being left out.
 */
export function narrowHosts(hosts: readonly string[], limit: readonly string[]): string[] {
  const patterns = limit.flatMap((entry) => entry.split(',')).map((pattern) => pattern.trim());
  const matching = (pattern: string): string[] => {
    const found = hosts.filter((host) => glob(pattern).test(host));
    if (found.length > 0) return found;
    throw new CodedError(
      'AnsibleNoHostsMatched',
      `limit: "${pattern}" matches none of the ${hosts.length} hosts to take up; with \`retryOf\` a limit names hosts, not groups`,
    );
  };
  const excluded = new Set(patterns.filter((p) => p.startsWith('!')).flatMap((p) => matching(p.slice(1))));
  const wanted = patterns.filter((p) => !p.startsWith('!'));
  const included = new Set(wanted.length === 0 ? hosts : wanted.flatMap(matching));
  return hosts.filter((host) => included.has(host) && !excluded.has(host));
}
