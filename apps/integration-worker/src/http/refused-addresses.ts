import { lookup, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * Where clouds answer with the credentials of the machine that asks: no call of a run has any business there. All other
 * addresses may be called, also those of the own network: that is where the services of most runs are.
 */
const REFUSED = new BlockList();
REFUSED.addSubnet('169.254.0.0', 16, 'ipv4');
REFUSED.addSubnet('fe80::', 10, 'ipv6');
REFUSED.addAddress('fd00:ec2::254', 'ipv6');
REFUSED.addAddress('168.63.129.16', 'ipv4');
REFUSED.addAddress('100.100.100.200', 'ipv4');

/** A connection that is never made. */
export class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress';

  constructor(host: string, address: string) {
    super(`${host === address ? '' : `${host} is at `}${address}, where clouds keep the credentials of their machines`);
  }
}

/** Whether an IP address, also one in brackets, is one that is never called. */
export function isRefused(address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, '');
  const family = isIP(bare);
  return family !== 0 && REFUSED.check(bare, family === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Looks a name up as Node does, and fails for one that leads to a refused address. It stands between the name and the
 * connection, so that no second answer of a name server can come between.
 */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
    if (error) return callback(error, '');
    const refused = found.find(({ address }) => isRefused(address));
    if (refused) return callback(new RefusedAddress(hostname, refused.address), '');
    const [first] = found;
    if (options.all || !first) return callback(null, found);
    callback(null, first.address, first.family);
  });
};
