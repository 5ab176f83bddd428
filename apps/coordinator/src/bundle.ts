import { bundleWorkflows } from '@switchyard/worker-kit';

await bundleWorkflows({
  workflows: new URL('./workflows/index.js', import.meta.url),
  interceptors: [new URL('./workflows/event-rule/event-intake.js', import.meta.url)],
  out: new URL('./workflow-bundle.js', import.meta.url),
});
