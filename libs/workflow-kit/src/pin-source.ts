import { gitPinText, gitSourceOf, type GitPin, type GitPlace, type SourceActivities } from '@switchyard/contracts';
import { activities } from './activities.js';
import type { Run } from './run.js';

/** The step that looks the commit of a run up. */
export const SOURCE_STEP = { id: 'source', title: 'Find the commit' } as const;

/** The first fetch of a repository brings its whole history; a lock may be held by the fetch of another run. */
const PIN_MS = 40 * 60_000;

/** What a project or stack has in common. */
type Place = GitPlace & { readonly path?: string | undefined };

/** The step of a run whose project or stack lies in git; none for a directory of the worker. */
export const sourceSteps = (place: Place | undefined): { id: string; title: string }[] =>
  gitSourceOf(place) === undefined ? [] : [{ ...SOURCE_STEP }];

/**
 * The place with its commit, looked up once: history keeps it, so that every attempt, batch and worker works with the
 * same files, wherever the branch has moved to. A directory of the worker is given back as it is, without a command.
 */
export async function pinSource<P extends Place>(run: Run, place: P): Promise<P> {
  const source = gitSourceOf(place);
  if (source === undefined) return place;
  const { pinSource: pin } = activities<SourceActivities>({ startToClose: PIN_MS });
  const { id, title } = SOURCE_STEP;
  const input = { ref: run.ref, step: id, source, directory: place.path ?? '.' };
  const pinned: GitPin = await run.inStep(id, () => pin(input), { title });
  run.step(id).done(gitPinText(pinned));
  return { ...place, ref: pinned.ref, commit: pinned.commit };
}
