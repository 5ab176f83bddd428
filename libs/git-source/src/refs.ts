import { CodedError, nearestName } from '@switchyard/contracts';

/** Refs of a repository by name, with `HEAD`; a tag stands for the commit that it leads to. */
export type Refs = ReadonlyMap<string, string>;

/** Parses what `git ls-remote` prints. */
export function parseRefs(text: string): Refs {
  const refs = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [hash, name] = line.split('\t');
    if (hash === undefined || name === undefined) continue;
    // An annotated tag comes twice: as an object of its own, then as what it leads to.
    refs.set(name.replace(/\^\{\}$/, ''), hash);
  }
  return refs;
}

/** What a ref turned out to be. */
export type Looked =
  | { readonly kind: 'commit'; readonly commit: string }
  /** Perhaps the beginning of a commit hash: only the objects can tell. */
  | { readonly kind: 'abbreviated'; readonly hash: string };

const isWhole = (text: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);

/**
 * What a caller's `ref` means in a repository.
 * @throws CodedError NotFound with the nearest name, InvalidInput for a name that means two commits
 */
export function lookUp(refs: Refs, ref: string | undefined, git: string): Looked {
  if (ref === undefined || ref === 'HEAD') {
    const head = refs.get('HEAD');
    if (head !== undefined) return { kind: 'commit', commit: head };
    throw new CodedError('NotFound', `git: ${git} has no HEAD (is it empty?); name a branch, tag or commit in \`ref\``);
  }
  if (isWhole(ref)) return { kind: 'commit', commit: ref };
  const named = [ref, `refs/heads/${ref}`, `refs/tags/${ref}`].filter((name) => name.startsWith('refs/'));
  const found = named.flatMap((name) => (refs.has(name) ? [[name, refs.get(name) ?? ''] as const] : []));
  const [first] = found;
  if (first === undefined) {
    if (/^[0-9a-f]{7,63}$/.test(ref)) return { kind: 'abbreviated', hash: ref };
    throw unknownRef(refs, ref, git);
  }
  if (found.some(([, commit]) => commit !== first[1])) {
    throw new CodedError(
      'InvalidInput',
      `ref: "${ref}" is a branch and a tag of ${git}, and they differ; write ${found.map(([name]) => name).join(' or ')}`,
    );
  }
  return { kind: 'commit', commit: first[1] };
}

/** The error for a name that a repository does not know. */
export function unknownRef(refs: Refs, ref: string, git: string): CodedError {
  const names = [...refs.keys()].map((name) => name.replace(/^refs\/(?:heads|tags)\//, ''));
  const near = nearestName(ref, names);
  const hint = near === undefined ? 'name a branch, tag or commit of it' : `did you mean "${near}"?`;
  return new CodedError('NotFound', `ref: ${git} has no branch, tag or commit "${ref}"; ${hint}`);
}
