export type { Checkout } from './checkouts.js';
export { GitSources, type GitSourcesOptions } from './git-sources.js';
