import type { Command } from 'commander';
import { pathArgument } from './path-argument.js';

/** What {@link withSource} adds. */
export interface SourceOptions {
  git?: string;
  ref?: string;
  gitToken?: string;
  gitSshKey?: string;
}

/** Options of what may lie in a git repository. */
export function withSource(command: Command): Command {
  return command
    .option('--git <address>', 'git repository; paths then count from its top')
    .option('--ref <ref>', 'branch, tag or commit of it; default HEAD')
    .option('--git-token <name>', 'secret with an access token for it')
    .option('--git-ssh-key <name>', 'secret with a private key for it');
}

/** A directory here or on the worker, or one of a repository; undefined when nothing of it was given. */
export function placeOf(path: string | undefined, o: SourceOptions, cwd: string): Record<string, unknown> | undefined {
  const secret = (name: string | undefined): unknown => (name === undefined ? undefined : { $secret: name });
  const given = {
    git: o.git,
    ref: o.ref,
    token: secret(o.gitToken),
    sshKey: secret(o.gitSshKey),
    path: path === undefined || o.git !== undefined ? path : pathArgument(path, cwd),
  };
  const fields = Object.entries(given).filter(([, value]) => value !== undefined);
  return fields.length === 0 ? undefined : Object.fromEntries(fields);
}
