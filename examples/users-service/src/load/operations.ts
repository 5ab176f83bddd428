import { randomUUID } from 'node:crypto';
import type { Book, Entry } from './book.js';
import { nameOf, shownName } from './names.js';
import type { Mismatch } from './tally.js';

/** Shares of the operations, as weights. */
export interface Mix {
  readonly read: number;
  readonly create: number;
  readonly rename: number;
  readonly email: number;
  readonly delete: number;
}

/** Three reads to two writes. */
export const DEFAULT_MIX: Mix = { read: 60, create: 12, rename: 20, email: 5, delete: 3 };

/** One request, ready to be sent. */
export interface Operation {
  readonly name: keyof Mix;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  /** Called with the answer of a request that was served; gives what a read should have been. */
  readonly done: (answer: unknown) => Mismatch | undefined;
}

/**
 * The next operation. It borrows its user, and only a served request gives it back: of one that failed nobody knows
 * whether it was carried out, so its user is never asked about again.
 */
export function nextOperation(book: Book, mix: Mix, random: () => number, serial: number): Operation {
  const name = choose(mix, random);
  const entry = name === 'create' ? undefined : book.borrow(random);
  if (!entry) return create(book, random, serial);
  const path = `/users/${entry.id}`;
  const written = (change: () => void) => () => {
    change();
    book.giveBack(entry);
    return undefined;
  };
  switch (name) {
    case 'rename': {
      const next = nameOf(random, serial);
      return {
        name,
        method: 'PUT',
        path: `${path}/name`,
        body: { name: next },
        done: written(() => (entry.name = next)),
      };
    }
    case 'email': {
      const email = emailOf(entry.id, serial);
      return {
        name,
        method: 'PUT',
        path: `${path}/email`,
        body: { email },
        done: written(() => (entry.email = email)),
      };
    }
    case 'delete':
      return { name, method: 'DELETE', path, done: () => undefined };
    default:
      return readOf(book, entry);
  }
}

/** A read of one user that compares what comes with what was written. */
export function readOf(book: Book, entry: Entry): Operation {
  return {
    name: 'read',
    method: 'GET',
    path: `/users/${entry.id}`,
    done(answer) {
      book.giveBack(entry);
      const wanted = { name: shownName(entry.name), email: entry.email };
      const { name, email } = answer as { readonly name?: unknown; readonly email?: unknown };
      return name === wanted.name && email === wanted.email
        ? undefined
        : { id: entry.id, wanted, got: { name, email } };
    },
  };
}

function create(book: Book, random: () => number, serial: number): Operation {
  const id = randomUUID();
  const entry = { id, name: nameOf(random, serial), email: emailOf(id, serial) };
  return {
    name: 'create',
    method: 'POST',
    path: '/users',
    body: entry,
    done() {
      book.giveBack(entry);
      return undefined;
    },
  };
}

const emailOf = (id: string, serial: number): string => `${id.slice(0, 8)}.${serial}@example.test`;

function choose(mix: Mix, random: () => number): keyof Mix {
  const weights = Object.entries(mix) as [keyof Mix, number][];
  let left = random() * weights.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [name, weight] of weights) {
    left -= weight;
    if (left < 0) return name;
  }
  return 'read';
}
