import { CodedError } from '@switchyard/contracts';
import type { Call } from '../call.js';
import type { MigrationCall } from './contract.js';
import type { Dependencies } from './dependencies.js';
import { withTarget } from './with-target.js';

/** The load as the query of the load gate tells it. Anything but a number is PreflightRefused: an unknown load is no low load. */
export async function readLoad(
  deps: Dependencies,
  input: MigrationCall & { readonly sql: string },
  call: Call,
): Promise<number> {
  return withTarget(deps, input, call, async (target) => {
    const { value } = await target.look(async (session) => {
      try {
        return await session.observe(input.sql);
      } catch (error) {
        if ((error as { severity?: string }).severity !== 'ERROR') throw error;
        throw new CodedError('PreflightRefused', `loadGate.sql: ${(error as Error).message}`);
      }
    });
    const load =
      typeof value === 'number' || (typeof value === 'string' && value.trim() !== '') ? Number(value) : Number.NaN;
    if (Number.isFinite(load)) return load;
    throw new CodedError('PreflightRefused', 'loadGate.sql gave no number in the first column of its first row');
  });
}
