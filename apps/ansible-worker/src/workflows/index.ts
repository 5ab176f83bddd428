export { AnsibleWorkflow } from './ansible.js';
