export { VmwareDeployWorkflow } from './vmware-deploy.js';
