import { randomUUID } from 'node:crypto';
import type { RunRef, TerraformResult } from '@switchyard/contracts';
import type { Masker } from '@switchyard/process';
import { inlineOutputs } from '../plan/inline-outputs.js';
import type { StateDocument } from '../stack/state-document.js';
import type { ArtifactStore } from './deps.js';

/**
 * The outputs of a state as a result may hold them. A sensitive one, and one in which a registered secret occurs, is
 * kept encrypted, and so is what would make the result too large; the result only names them. The artifact is
 * `{"output", "value"}`, with a "nonce" for a secret: without it the digest in the result would let anybody try out
 * short ones.
 */
export async function keepOutputs(options: {
  readonly state: StateDocument;
  readonly ref: RunRef;
  readonly mask: Masker;
  readonly artifacts: ArtifactStore;
}): Promise<TerraformResult['outputs']> {
  const { state, ref, mask, artifacts } = options;
  const holdsSecret = (value: unknown): boolean =>
    JSON.stringify(mask.maskValue(value) ?? null) !== JSON.stringify(value ?? null);
  const keep = async (name: string, content: string): Promise<string> => {
    const artifact = { runId: ref.runId, kind: 'terraform-output', name, contentType: 'application/json', content };
    return (await artifacts.put(artifact)).digest;
  };
  const outputs = Object.entries(state.outputs).map(([name, { value, sensitive }]) => ({
    name,
    value,
    isSecret: sensitive || holdsSecret(value),
  }));
  const inline = inlineOutputs(outputs.filter(({ isSecret }) => !isSecret));
  const entries = await Promise.all(
    outputs.map(async ({ name, value, isSecret }) => {
      if (inline.has(name)) return [name, { value, sensitive: false as const }] as const;
      if (isSecret) {
        const digest = await keep(name, JSON.stringify({ output: name, value, nonce: randomUUID() }));
        return [name, { ref: digest, sensitive: true as const }] as const;
      }
      const content = JSON.stringify({ output: name, value });
      return [
        name,
        { ref: await keep(name, content), sensitive: false as const, bytes: Buffer.byteLength(content) },
      ] as const;
    }),
  );
  return Object.fromEntries(entries);
}
