import { z } from 'zod';

const capabilitiesSchema = z.looseObject({
  builtins: z.array(z.looseObject({ name: z.string(), nondeterministic: z.boolean().optional() })),
});

/** Policies may ask for the time: a freeze has a beginning and an end. */
const KEPT: ReadonlySet<string> = new Set(['time.now_ns']);

/**
 * What policies may do, from what this release of OPA can do: nothing that reaches out of the evaluation (`http.send`,
 * `net.lookup_ip_addr`, `opa.runtime` with its environment) or that differs from one time to the next. What OPA itself
 * marks as such is taken away, so that a function of a later release is, too. Schemas are not fetched either.
 */
export function restrictCapabilities(text: string): string {
  const { builtins, ...rest } = capabilitiesSchema.parse(JSON.parse(text));
  const kept = builtins.filter(({ name, nondeterministic }) => nondeterministic !== true || KEPT.has(name));
  return JSON.stringify({ ...rest, builtins: kept, allow_net: [] });
}
