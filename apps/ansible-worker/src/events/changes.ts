import type { AnsibleResult, HostChange, StoredEvent } from '@switchyard/contracts';
import { z } from 'zod';

/** Types of the events that {@link Changes} reads. */
export const CHANGE_EVENTS = ['batch_start', 'host_ok', 'item_ok'] as const;

/** A history of Temporal takes 2 MB per payload, and has the hosts as well. */
const MOST_CHARACTERS = 256 * 1024;
const MOST_DIFF_CHARACTERS = 2_000;

const startedSchema = z.object({ executionId: z.string() });
const doneSchema = z.object({
  task: z.string(),
  path: z.string().optional(),
  changed: z.literal(true),
  item: z.string().optional(),
  result: z.object({ diff: z.unknown().optional() }).optional(),
});

interface Entry {
  readonly place: string;
  readonly change: HostChange;
}

/**
 * What a run changed, or would change, from its events in their order. In check mode every attempt tells the same
 * again, so the last word on a task of a host counts; otherwise each change is one that happened.
 */
export class Changes {
  readonly #executionId: string;
  readonly #isCheck: boolean;
  readonly #hosts = new Map<string, Entry[]>();
  #left = MOST_CHARACTERS;
  #leftOut = 0;
  /** An earlier run of the same id has events too. */
  #isOurs = false;

  constructor({ executionId, isCheck }: { readonly executionId: string; readonly isCheck: boolean }) {
    this.#executionId = executionId;
    this.#isCheck = isCheck;
  }

  take({ type, subject, data }: Pick<StoredEvent, 'type' | 'subject' | 'data'>): void {
    if (type === 'batch_start') this.#isOurs = startedSchema.safeParse(data).data?.executionId === this.#executionId;
    if (!this.#isOurs || subject === null) return;
    const done = doneSchema.safeParse(data).data;
    if (done === undefined) return;
    const { task, path = '', item, result } = done;
    const known = this.#hosts.get(subject) ?? [];
    const taskPlace = `${path}\n${task}\n`;
    // The result of a loop comes after those of its items, and says nothing more.
    if (
      item === undefined &&
      known.some(({ place, change }) => change.item !== undefined && place.startsWith(taskPlace))
    )
      return;
    const diff = textOf(result?.diff);
    const change = { task, ...(item === undefined ? {} : { item }), ...(diff === undefined ? {} : { diff }) };
    const entry = { place: taskPlace + (item ?? ''), change };
    const at = this.#isCheck ? known.findIndex(({ place }) => place === entry.place) : -1;
    if (at >= 0) known[at] = entry;
    else if (this.#fits(subject, change)) this.#hosts.set(subject, [...known, entry]);
    else this.#leftOut += 1;
  }

  /** What was told so far, in the shape of the result. */
  get report(): NonNullable<AnsibleResult['changes']> {
    const hosts = [...this.#hosts].map(([host, entries]) => [host, entries.map(({ change }) => change)] as const);
    return { check: this.#isCheck, hosts: Object.fromEntries(hosts), leftOut: this.#leftOut };
  }

  #fits(host: string, change: HostChange): boolean {
    this.#left -= host.length + JSON.stringify(change).length;
    return this.#left >= 0;
  }
}

/** A diff as the plugin gives it: text. What a module of its own kind gives in its place is left in the event. */
function textOf(diff: unknown): string | undefined {
  if (typeof diff !== 'string' || diff === '') return undefined;
  return diff.length > MOST_DIFF_CHARACTERS ? `${diff.slice(0, MOST_DIFF_CHARACTERS)}\n...[cut]` : diff;
}
