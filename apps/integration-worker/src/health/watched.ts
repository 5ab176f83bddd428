/** What one look at something gave. */
export interface Look {
  /** What is wrong; undefined when all is well. */
  readonly fault: string | undefined;
  readonly observed: string;
  /** Of a query: its value. */
  readonly value?: number | null;
}

/** Something that is looked at again and again: a URL or a query. */
export interface Watched {
  /** As results and messages name it. */
  readonly name: string;
  /** What must hold, as people read it. */
  readonly required: string;
  /** Looks once. What it throws ends the check: only a fault may pass by itself. */
  readonly look: (timeoutMs: number) => Promise<Look>;
}
