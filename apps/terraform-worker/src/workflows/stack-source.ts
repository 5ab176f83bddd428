import { gitPinOf, gitPinText, type GitPin, type TerraformInput } from '@switchyard/contracts';

type Stack = TerraformInput['stack'];

/** A worker that has not got the commit yet fetches it; another run may be fetching the same repository. */
const FETCH_MS = 40 * 60_000;

/** A stack as people see it: its path, behind the repository that it lies in. */
export const stackName = ({ git, path }: Stack): string => (git === undefined ? path : `${git}//${path}`);

/** Milliseconds that an attempt may need to get the files of a stack. */
export const timeForSource = ({ git }: Stack): number => (git === undefined ? 0 : FETCH_MS);

/** The commit of a stack, for results. */
export function sourceOf(stack: Stack): { source?: GitPin } {
  const source = gitPinOf(stack);
  return source === undefined ? {} : { source };
}

/** What people are shown of the commit before they approve. */
export function shownSource(stack: Stack): string[] {
  const source = gitPinOf(stack);
  return source === undefined ? [] : [`from ${gitPinText(source)}`];
}
