import type { Session } from '@switchyard/shared-db';
import { quoteLiteral } from '../quote-literal.js';

/** The slice of a client of `pg` that is needed here. */
export interface QueryPort {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/**
 * A session for replication as a port. It knows only the simple protocol, which has no parameters: the values are written
 * into the text. For the statements of this library, whose values are names and numbers.
 */
export function simpleQueries(session: Session): QueryPort {
  return {
    query: (text, values = []) =>
      session.query<Record<string, unknown>>(
        text.replaceAll(/\$(\d+)/g, (_, place: string) => quoteLiteral(String(values[Number(place) - 1]))),
      ),
  };
}
