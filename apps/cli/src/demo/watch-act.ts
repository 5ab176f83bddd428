import type { GateStatus } from '@switchyard/contracts';
import type { RunOutcome } from '../runs/outcome.js';
import { watchRun } from '../runs/watch-run.js';
import type { ActContext } from './act.js';
import { decideGate, type GateStory } from './decide-gates.js';
import { revived, type KillStory } from './kill-worker.js';

/** What became of the worker: killed or never, and the pid under which it came back. */
export interface Drama<K extends KillStory> {
  readonly kill: K | undefined;
  readonly back: number | undefined;
}

/** How an act is watched. */
export interface Watch<K extends KillStory> {
  readonly runId: string;
  /** Kills a worker when its moment comes; undefined when the signal aborts before. */
  readonly kill: (signal: AbortSignal) => Promise<K | undefined>;
  /** The moment of the kill, in words that follow the pid. */
  readonly moment: (kill: K) => string;
  /** What a gate is known by that was decided. */
  readonly keyOf: (gate: GateStatus) => string;
}

/** What was seen until the run was over, or the demo was interrupted. */
export interface Watched<K extends KillStory> {
  /** Undefined: interrupted. */
  readonly outcome: RunOutcome | undefined;
  readonly gates: readonly GateStory[];
  /** Settles when the killed worker is back, or is given up. */
  readonly drama: Promise<Drama<K>>;
}

/** Follows the run of an act to its end: shows it, decides each gate once, and kills a worker in the middle. */
export async function watchAct<K extends KillStory>(
  { root, session, terminal, signal }: ActContext,
  { runId, kill, moment, keyOf }: Watch<K>,
): Promise<Watched<K>> {
  const { color } = terminal;
  const over = new AbortController();
  const decided = new Set<string>();
  const gates: GateStory[] = [];
  const said: string[] = [];
  const play = async (): Promise<Drama<K>> => {
    const story = await kill(over.signal);
    if (!story) return { kill: story, back: undefined };
    said.push(`SIGKILL to ${story.worker} (pid ${story.pid}) ${moment(story)}`);
    const back = await revived(root, story);
    said.push(
      back === undefined ? 'the worker did not come back' : `the worker is back as pid ${back}; the run goes on`,
    );
    return { kill: story, back };
  };
  const drama = play();
  // Awaited when the run is over; until then a rejection must not count as unhandled.
  drama.catch(() => undefined);
  try {
    const outcome = await watchRun({
      client: session.client,
      workflowId: runId,
      terminal,
      signal,
      onLook: async (_status, open, live) => {
        for (const gate of open.filter((each) => !decided.has(keyOf(each.gate)))) {
          const story = await decideGate(session.client, gate);
          // Only now: one whose evidence moved meanwhile is decided at the next look.
          decided.add(keyOf(gate.gate));
          gates.push(story);
          live.log(color.yellow(`gate ${story.gate}: ${story.refusal}`));
          live.log(
            color.green(`gate ${story.gate}: approved by ${story.approvedBy} for ${story.evidence.slice(0, 19)}…`),
          );
        }
        for (const line of said.splice(0)) live.log(color.yellow(line));
      },
    });
    const ended = drama.finally(() => {
      for (const line of said.splice(0)) terminal.say(color.yellow(line));
    });
    ended.catch(() => undefined);
    return { outcome, gates, drama: ended };
  } finally {
    over.abort();
  }
}
