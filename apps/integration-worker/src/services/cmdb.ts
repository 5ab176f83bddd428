/** A host as a CMDB gives it. */
export type CmdbHost = { readonly name: string } & Readonly<Record<string, unknown>>;

/** What the step `cmdb` needs from a CMDB. */
export interface Cmdb {
  readonly read: (query: Readonly<Record<string, string | number | boolean>>) => Promise<readonly CmdbHost[]>;
  /** Makes the record of a name what is said. Safe to repeat. */
  readonly upsert: (
    name: string,
    attributes: Readonly<Record<string, unknown>>,
  ) => Promise<{ readonly record: Record<string, unknown>; readonly changed: boolean }>;
  /** @returns whether there was one */
  readonly remove: (name: string) => Promise<boolean>;
}
