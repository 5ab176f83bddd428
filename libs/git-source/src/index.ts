export type { Checkout } from './checkouts.js';
export { GitSources, type GitSourcesOptions, type PinnedSource } from './git-sources.js';
export { pinSource } from './pin-source.js';
