export { KubernetesApplyWorkflow } from './kubernetes-apply.js';
