/**
 * Most bytes of JSON that the outputs in a result may have together. Temporal takes 2 MB in one payload, and a runbook
 * leaves the largest field of a step's result out when that has more than 256 KB.
 */
export const MOST_INLINE_BYTES = 192 * 1024;

/** Names of the outputs that a result can hold: all of them, or else the small ones first. */
export function inlineOutputs(outputs: readonly { readonly name: string; readonly value: unknown }[]): Set<string> {
  const sized = outputs
    .map(({ name, value }) => ({ name, bytes: Buffer.byteLength(JSON.stringify({ [name]: value })) }))
    // By name where sizes are equal: each attempt must choose alike.
    .toSorted((a, b) => a.bytes - b.bytes || (a.name < b.name ? -1 : 1));
  const inline = new Set<string>();
  let total = 0;
  for (const { name, bytes } of sized) {
    total += bytes;
    if (total > MOST_INLINE_BYTES) break;
    inline.add(name);
  }
  return inline;
}
