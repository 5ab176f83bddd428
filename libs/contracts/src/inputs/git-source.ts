import { z } from 'zod';
import type { RunRef } from '../run-activities.js';
import { secretRefSchema } from '../secret-ref.js';

/** Ways to reach a repository that a worker may be allowed to use. */
export const GIT_PROTOCOLS = ['https', 'ssh', 'http', 'git', 'file'] as const;
export type GitProtocol = (typeof GIT_PROTOCOLS)[number];

const PROTOCOL_OF_SCHEME: Readonly<Record<string, GitProtocol>> = {
  'https:': 'https',
  'http:': 'http',
  'ssh:': 'ssh',
  'git:': 'git',
  'file:': 'file',
};

/**
 * How a repository is reached; undefined for what is no address of one. `git@host:group/repo.git` is ssh, an absolute
 * path is file. Helpers of git (`ext::...`) are none: they run programs.
 */
export function gitProtocolOf(address: string): GitProtocol | undefined {
  if (/[\s\p{Cc}]/u.test(address)) return undefined;
  if (address.startsWith('/')) return 'file';
  if (/^[\w.-]+@[\w.-]+:[^:]/.test(address)) return 'ssh';
  if (!/^[a-z]+:\/\//.test(address) || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.protocol !== 'file:' && url.hostname === '') return undefined;
  return PROTOCOL_OF_SCHEME[url.protocol];
}

function holdsCredentials(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, username, password, search } = new URL(address);
  // The user of ssh is part of the address; that of a web server is often the token itself.
  return password !== '' || search !== '' || (username !== '' && protocol.startsWith('http'));
}

const addressSchema = z
  .string()
  .max(2_000)
  .refine((address) => gitProtocolOf(address) !== undefined, {
    message: 'is no address of a repository; write https://host/group/repo.git or git@host:group/repo.git',
    abort: true,
  })
  .refine((address) => !holdsCredentials(address), {
    message: 'must hold no credentials and no query; name a secret in `token`, and its user in `username`',
  });

/** Names that git accepts, less what it would take for an option or for more than one name. */
const refSchema = z
  .string()
  .max(250)
  .regex(/^(?![-/.])(?!.*(?:\.\.|@\{|\/\/))[^\s\p{Cc}~^:?*[\\]+(?<![/.])$/u, 'is no name of a branch, tag or commit');

const commitSchema = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'must be a whole commit hash in lower case');

/** The fields of whatever may lie in a git repository. */
const gitFields = {
  git: addressSchema.optional().meta({ description: 'Address of a git repository; `path` then counts from its top' }),
  ref: refSchema.optional().meta({
    description: 'Branch, tag or commit; looked up once, when the run starts. Default: what HEAD of the repository is',
  }),
  commit: commitSchema
    .optional()
    .meta({ description: 'The commit itself: `ref` is then only shown. A run that was pinned writes it here' }),
  username: z
    .string()
    .regex(/^[^\s:\p{Cc}]+$/u, 'must hold neither blanks nor a colon')
    .optional()
    .meta({ description: 'User that goes with `token`; default git, which GitHub and GitLab take for access tokens' }),
  token: secretRefSchema.optional().meta({ description: 'Access token for a repository at https' }),
  sshKey: secretRefSchema.optional().meta({ description: 'Private key for a repository at ssh; default: the agent' }),
} as const;

const isOutside = (path: string): boolean => path.startsWith('/') || path.split('/').includes('..');

/** A directory of the worker, or one in a git repository. */
type Place = { readonly [K in keyof typeof gitFields]?: unknown } & {
  readonly git?: string | undefined;
  readonly path?: string | undefined;
};

/** What no single field can tell. */
function checkPlace(place: Place, ctx: z.RefinementCtx): void {
  const refuse = (field: string, message: string): void => {
    ctx.addIssue({ code: 'custom', path: [field], message });
  };
  const { git, path } = place;
  if (git === undefined) {
    for (const field of ['ref', 'commit', 'username', 'token', 'sshKey'] as const) {
      if (place[field] !== undefined) refuse(field, 'needs `git`, the address of the repository');
    }
    return;
  }
  const protocol = gitProtocolOf(git);
  if (path !== undefined && isOutside(path)) refuse('path', 'must lie inside the repository, counted from its top');
  if (place.token !== undefined && protocol !== 'https' && protocol !== 'http') {
    refuse('token', 'is for repositories at https; give `sshKey` for ssh');
  }
  if (place.username !== undefined && place.token === undefined) refuse('username', 'needs `token`');
  if (place.sshKey !== undefined && protocol !== 'ssh') {
    refuse('sshKey', 'is for repositories at ssh; give `token` for https');
  }
}

/**
 * The schema of a place with these fields, on the worker or in a repository.
 * @param fields with `path`
 */
export function placeSchema<S extends z.ZodRawShape>(fields: S) {
  return z.strictObject({ ...gitFields, ...fields }).superRefine((place, ctx) => {
    checkPlace(place as Place, ctx);
  });
}

const sourceSchema = z.object(gitFields);

/** The fields of a project or stack that are about git; without `git` it is a directory of the worker. */
export type GitPlace = z.output<typeof sourceSchema>;

/** Where a repository is and what opens it. */
export type GitSource = Omit<GitPlace, 'git'> & { readonly git: string };

/** Which commit a run works with: looked up once, then the same for every attempt, batch and worker. */
export const gitPinSchema = z.object({
  /** The address, which holds no credentials. */
  git: z.string(),
  /** As the caller named it; HEAD when it named none, and the commit when it named only that. */
  ref: z.string(),
  commit: z.string(),
});
export type GitPin = z.output<typeof gitPinSchema>;

/** The repository that a place names; undefined for a directory of the worker. */
export function gitSourceOf(place: GitPlace | undefined): GitSource | undefined {
  if (place?.git === undefined) return undefined;
  const { git, ref, commit, username, token, sshKey } = place;
  return { git, ref, commit, username, token, sshKey };
}

/** The pin of a place whose commit is known; undefined for a directory of the worker. */
export function gitPinOf(place: GitPlace | undefined): GitPin | undefined {
  if (place?.git === undefined || place.commit === undefined) return undefined;
  return { git: place.git, ref: place.ref ?? place.commit, commit: place.commit };
}

/** `main of https://host/repo.git at 0123456789ab`, for people. */
export const gitPinText = ({ git, ref, commit }: GitPin): string =>
  ref === commit ? `${git} at ${commit.slice(0, 12)}` : `${ref} of ${git} at ${commit.slice(0, 12)}`;

/** Type of the event that tells the commit of a run; its data is a {@link GitPin}. */
export const SOURCE_PINNED_EVENT = 'source_pinned';

/** Input of the activity `pinSource`. */
export interface PinSourceInput {
  readonly ref: RunRef;
  /** The step that it is done for. */
  readonly step: string;
  readonly source: GitSource;
  /** Directory of the repository that the run needs. */
  readonly directory: string;
}

/** What workers that take projects or stacks out of git do for their workflows, each on its own queue. */
export interface SourceActivities {
  /** Looks the commit of a source up, once for the run. */
  pinSource(input: PinSourceInput): Promise<GitPin>;
}
