import { randomUUID } from 'node:crypto';
import type { RunRef, TerraformResult } from '@switchyard/contracts';
import type { Masker } from '@switchyard/process';
import type { StateDocument } from '../stack/state-document.js';
import type { ArtifactStore } from './deps.js';

/**
 * The outputs of a state as a result may hold them. A sensitive one, and one in which a registered secret occurs, is
 * kept encrypted; the result only names it. The artifact is `{"output", "value", "nonce"}`: without the nonce the
 * digest in the result would let anybody try out short secrets.
 */
export async function keepOutputs(options: {
  readonly state: StateDocument;
  readonly ref: RunRef;
  readonly mask: Masker;
  readonly artifacts: ArtifactStore;
}): Promise<TerraformResult['outputs']> {
  const { state, ref, mask, artifacts } = options;
  const entries = await Promise.all(
    Object.entries(state.outputs).map(async ([name, { value, sensitive }]) => {
      const holdsSecret = JSON.stringify(mask.maskValue(value) ?? null) !== JSON.stringify(value ?? null);
      if (!sensitive && !holdsSecret) return [name, { value, sensitive: false as const }] as const;
      const { digest } = await artifacts.put({
        runId: ref.runId,
        kind: 'terraform-output',
        name,
        contentType: 'application/json',
        content: JSON.stringify({ output: name, value, nonce: randomUUID() }),
      });
      return [name, { ref: digest, sensitive: true as const }] as const;
    }),
  );
  return Object.fromEntries(entries);
}
