/** What was written last of one user. */
export interface Entry {
  readonly id: string;
  name: string;
  email: string;
}

/** Remembers what was written, and lends each user to one request at a time, so that a read knows what it must find. */
export interface Book {
  /** A user that no request is about; undefined when there is none. Give it back, or lose it. */
  borrow(random: () => number): Entry | undefined;
  giveBack(entry: Entry): void;
  readonly size: number;
}

/** An empty book. */
export function createBook(): Book {
  const free: Entry[] = [];
  return {
    borrow(random) {
      const index = Math.floor(random() * free.length);
      const entry = free[index];
      const last = free.pop();
      if (entry && last && entry !== last) free[index] = last;
      return entry;
    },
    giveBack: (entry) => void free.push(entry),
    get size() {
      return free.length;
    },
  };
}
