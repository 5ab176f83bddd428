import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { ToolContext } from './tool.js';

/** The folder of fetched tools, shared by all checkouts of a user. A relative XDG_CACHE_HOME is ignored, as its standard says. */
export function cacheDirectory(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CACHE_HOME'];
  return join(base !== undefined && isAbsolute(base) ? base : join(env['HOME'] ?? homedir(), '.cache'), 'switchyard');
}

/** The context of this machine. */
export function toolContext(options: Partial<ToolContext> = {}): ToolContext {
  const env = options.env ?? process.env;
  return {
    env,
    cacheDir: options.cacheDir ?? cacheDirectory(env),
    platform: options.platform ?? process.platform,
    arch: options.arch ?? process.arch,
    progress: options.progress ?? (() => undefined),
  };
}
