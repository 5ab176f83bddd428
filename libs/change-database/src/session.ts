import { sessionSettings, type Shape, type Statement } from '@switchyard/schema-change';
import { withDedicatedSession, type DatabaseConnection, type Session } from '@switchyard/shared-db';
import { z } from 'zod';

/** Options of {@link withChangeSession}. */
export interface ChangeSessionOptions {
  readonly connection: DatabaseConnection;
  /** application_name, at most 63 bytes. */
  readonly name: string;
  readonly signal: AbortSignal;
  /** Null before the catalog was read: then the session has the settings of the server. */
  readonly shape: Shape | null;
  /** Milliseconds; default 0: each transaction sets its own. */
  readonly statementTimeoutMs?: number;
  /** Milliseconds; default 0. */
  readonly lockTimeoutMs?: number;
}

/** What a statement gave. */
export interface Answer {
  readonly rows: readonly unknown[];
  /** Rows that it changed or gave. */
  readonly count: number;
}

/** One connection that works on a change. Errors of a statement are the driver's; they end as CodedErrors outside. */
export interface ChangeSession {
  readonly run: (statement: Statement) => Promise<Answer>;
  /** As `run`, for a text that comes again and again: the server parses and plans it once. */
  readonly again: (statement: Statement) => Promise<Answer>;
  /** The shape of a client of `pg`, for libraries that speak to one. */
  readonly query: (text: string, values?: unknown[]) => Promise<{ readonly rows: readonly unknown[] }>;
  /** Rows of a statement, parsed. */
  readonly rows: <S extends z.ZodType>(schema: S, statement: Statement) => Promise<z.output<S>[]>;
  /** Runs `work` in a transaction; rolled back when it throws. */
  readonly transaction: <T>(isolation: Isolation, work: () => Promise<T>) => Promise<T>;
}

export type Isolation = 'read committed' | 'repeatable read';

/** Statements whose plans are kept by a session; more are sent without a name. */
const MOST_PREPARED = 100;

/** Opens a session with the settings of the change, runs `use` and closes it. Errors as of `withDedicatedSession`. */
export function withChangeSession<T>(
  options: ChangeSessionOptions,
  use: (session: ChangeSession) => Promise<T>,
): Promise<T> {
  const { shape } = options;
  return withDedicatedSession(
    {
      connection: options.connection,
      name: options.name,
      signal: options.signal,
      statementTimeoutMs: options.statementTimeoutMs ?? 0,
      lockTimeoutMs: options.lockTimeoutMs ?? 0,
    },
    async (driver) => {
      const session = sessionOver(driver);
      if (shape) await session.run(sessionSettings(shape));
      return use(session);
    },
  );
}

function sessionOver(driver: Session): ChangeSession {
  const names = new Map<string, string>();
  const nameOf = (text: string): string | undefined => {
    const known = names.get(text);
    if (known !== undefined || names.size >= MOST_PREPARED) return known;
    const name = `sy_${names.size}`;
    names.set(text, name);
    return name;
  };
  const send = async ({ text, values }: Statement, name?: string): Promise<Answer> => {
    const { rows, rowCount } = await driver.query<Record<string, unknown>>({
      text,
      values: [...values],
      ...(name === undefined ? {} : { name }),
    });
    return { rows, count: rowCount ?? 0 };
  };
  const plain = (text: string): Promise<Answer> => send({ text, values: [] });
  return {
    run: (statement) => send(statement),
    query: (text, values = []) => driver.query<Record<string, unknown>>(text, values),
    again: (statement) => send(statement, nameOf(statement.text)),
    async rows(schema, statement) {
      return z.array(schema).parse((await send(statement)).rows);
    },
    async transaction(isolation, work) {
      await plain(`begin isolation level ${isolation}`);
      try {
        const result = await work();
        await plain('commit');
        return result;
      } catch (error) {
        // The first error is the one to tell; a connection that cannot roll back is closed by whoever opened it.
        await plain('rollback').catch(() => undefined);
        throw error;
      }
    },
  };
}
