import { createOrigin, useOrigin } from '@switchyard/schema-change';
import type { ChangeSession } from './session.js';

/** Name of the origin of a writer: `switchyard_users_ab12_stream`. */
export function originOf(prefix: string, writer: string): string {
  return `${prefix}${writer.replaceAll(/[^a-zA-Z0-9]+/g, '_')}`.slice(0, 63);
}

/**
 * Marks everything that this session writes from now on with the origin of its writer, so that the stream can leave it
 * out. Without the right to do so, or while another session still holds the origin, the writes come back through the
 * stream, which finds nothing to do: that costs time and nothing else.
 * @returns whether the writes are marked
 */
export async function markWrites(session: ChangeSession, origin: string): Promise<boolean> {
  try {
    await session.run(createOrigin(origin));
    await session.run(useOrigin(origin));
    return true;
  } catch {
    return false;
  }
}
