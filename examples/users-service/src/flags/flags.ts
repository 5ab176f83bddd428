import { OFREPProvider } from '@openfeature/ofrep-provider';
import { ErrorCode, OpenFeature, type EvaluationDetails, type FlagValue } from '@openfeature/server-sdk';
import { z } from 'zod';
import type { Versions } from './in-flight.js';

export const READ_FLAG = 'users.read-new-name';
export const WRITE_FLAG = 'users.write-mode';

const writeMode = z.enum(['old', 'both', 'new']);

/** The variant of the value `both` by which the new columns are right: some instance may leave `name` out already. */
const PREFER_NEW = 'both-prefer-new';

/** Which columns hold what is written: `name`, both, or `first_name` and `last_name`. */
export type WriteMode = z.output<typeof writeMode>;

/** What a request goes by, from its beginning to its end. */
export interface Flags {
  readonly readsNew: boolean;
  readonly writes: WriteMode;
  /** Which side of a row is right where the two differ: the new one, or else the old one. */
  readonly prefersNew: boolean;
  /** 0 for a flag that does not exist (yet): its default holds, the old shape. */
  readonly versions: Versions;
}

/** Evaluates both flags for a targeting key. */
export type EvaluateFlags = (targetingKey: string) => Promise<Flags>;

/** Where the gateway is. */
export interface GatewayAddress {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Milliseconds without an answer of the gateway that count as none; a lease is long enough for three of them. */
export const GATEWAY_TIMEOUT_MS = 3_000;

/** Connects OpenFeature's stock SDK with the gateway. */
export async function connectFlags(gateway: GatewayAddress): Promise<EvaluateFlags> {
  const provider = new OFREPProvider({
    baseUrl: gateway.url,
    headers: { ...gateway.headers },
    fetchImplementation: (request: Request, init?: RequestInit) =>
      fetch(request, { ...init, signal: AbortSignal.timeout(GATEWAY_TIMEOUT_MS) }),
  });
  await OpenFeature.setProviderAndWait(provider);
  const client = OpenFeature.getClient();
  return async (targetingKey) => {
    const [reads, writes] = await Promise.all([
      client.getBooleanDetails(READ_FLAG, false, { targetingKey }),
      client.getStringDetails(WRITE_FLAG, 'old', { targetingKey }),
    ]);
    return {
      readsNew: reads.value,
      writes: writeMode.parse(writes.value),
      prefersNew: writes.value === 'new' || writes.variant === PREFER_NEW,
      versions: { [READ_FLAG]: versionOf(reads), [WRITE_FLAG]: versionOf(writes) },
    };
  };
}

/** The SDK gives the default for every error; only where the gateway says that there is no flag it may be used. */
function versionOf(details: EvaluationDetails<FlagValue>): number {
  if (details.errorCode === ErrorCode.FLAG_NOT_FOUND) return 0;
  const { version } = details.flagMetadata;
  if (details.errorCode === undefined && typeof version === 'number') return version;
  throw new Error(`flag ${details.flagKey} could not be evaluated: ${details.errorMessage ?? 'it has no version'}`);
}
