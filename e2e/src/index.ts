/** What the suites of the whole product share. */
export { approveEverything } from './approve-everything.js';
export { makeCheckout, repositoryFile, type Checkout } from './checkout.js';
export { processesOfRun } from './processes-of-run.js';
export { startSite, type Site } from './site.js';
export { openStack, type OpenStack } from './stack.js';
