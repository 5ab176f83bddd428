/** Where the tool writes a state that it could not send to its backend: the only record of what was created. */
export const ERRORED_STATE = 'errored.tfstate';

/** Under which name it is kept beside the configuration: the tool would overwrite it, and a next run take it for its own. */
export const unsavedFile = (digest: string): string => `${ERRORED_STATE}.${digest.slice(7, 19)}`;

/** The digest of the unsaved state that a failure names. */
export function unsavedStateOf({ details }: { readonly details?: unknown }): string | undefined {
  const { erroredState } = (details ?? {}) as { erroredState?: unknown };
  return typeof erroredState === 'string' ? erroredState : undefined;
}

/** How people push it by hand. */
export function pushByHand(digest: string, engine = 'terraform'): string {
  return `it is kept as artifact ${digest} and beside the configuration: push it with "${engine} state push ${unsavedFile(digest)}" there, before anything else is applied`;
}
