import { countHosts, failedHostsOf, reasonsOf, resultsOf } from '../hosts/ledger-view.js';
import type { HostLedger } from '../ports.js';
import type { AnsibleActivities } from '../workflows/activities.js';

/** Results of all hosts of an execution, from the ledger. */
export async function collectHosts(
  ledger: Pick<HostLedger, 'read'>,
  ledgerId: string,
): Promise<Awaited<ReturnType<AnsibleActivities['collectHosts']>>> {
  const known = await ledger.read(ledgerId);
  const hosts = known?.hosts ?? [];
  return {
    hosts: resultsOf(hosts),
    failedHosts: failedHostsOf(hosts),
    reasons: reasonsOf(hosts),
    counts: countHosts(hosts),
    inventoryDigest: known?.inventoryDigest ?? '',
  };
}
