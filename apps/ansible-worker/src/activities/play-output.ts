import type { NewEventInput } from '@switchyard/contracts';
import type { Masker } from '@switchyard/process';
import { playEvent } from '../events/play-event.js';
import type { PluginEvent } from '../events/plugin-event.js';
import type { EventSink } from '../ports.js';
import type { BatchInput } from '../workflows/activities.js';

const MOST_LINE_CHARACTERS = 16_384;
/** More lines of a damaged channel are not told one by one. */
const MOST_UNREADABLE = 20;

function levelOf(text: string): NewEventInput['level'] {
  if (/^(?:fatal:|ERROR!|\[ERROR\])/.test(text)) return 'error';
  return /^\[(?:WARNING|DEPRECATION WARNING)\]/.test(text) ? 'warning' : 'info';
}

/** Writes what a process says into the run's events: lines for people, and what the plugin tells. */
export class PlayOutput {
  readonly #sink: EventSink;
  readonly #base: Pick<NewEventInput, 'runId' | 'workflowId' | 'step' | 'attempt' | 'source'>;
  readonly #batch: number;
  #unreadable = 0;

  constructor(sink: EventSink, { ref, step, attempt, batch }: BatchInput) {
    this.#sink = sink;
    this.#base = { runId: ref.runId, workflowId: ref.workflowId, step, attempt, source: 'ansible' };
    this.#batch = batch;
  }

  /** Something that the worker itself has to say. */
  say(type: string, message: string, more: Pick<Partial<NewEventInput>, 'level' | 'data'> = {}): Promise<void> {
    return this.#write({ type, message, level: more.level ?? 'info', data: more.data ?? {} });
  }

  line(stream: 'stdout' | 'stderr', text: string): Promise<void> {
    const message = text.slice(0, MOST_LINE_CHARACTERS);
    return this.#write({ type: 'line', message, level: levelOf(text), data: { stream } });
  }

  async event(event: PluginEvent, masker: Masker): Promise<void> {
    const made = playEvent(event, masker);
    if (made) await this.#write(made);
  }

  /** Tells that an event is lost. Not its text: a secret in a half or escaped JSON string is not recognised in it. */
  async unreadable(characters: number): Promise<void> {
    this.#unreadable += 1;
    if (this.#unreadable > MOST_UNREADABLE) return;
    const rest = this.#unreadable === MOST_UNREADABLE ? '; further ones are not told' : '';
    await this.say(
      'event_unreadable',
      `something on the event channel of the playbook is no event (${characters} characters)${rest}: if it was one, it is missing here; the output has what people see`,
      { level: 'warning' },
    );
  }

  flush(): Promise<void> {
    return this.#sink.flush();
  }

  #write(
    event: Pick<NewEventInput, 'type' | 'message' | 'level' | 'subject' | 'data'> & { at?: string },
  ): Promise<void> {
    const data = this.#batch === 0 ? (event.data ?? {}) : { batch: this.#batch, ...event.data };
    return this.#sink.write({ ...this.#base, at: new Date().toISOString(), ...event, data });
  }
}
