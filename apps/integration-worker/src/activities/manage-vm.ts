import { CodedError, parseOrThrow, vmSchema, type IntegrationActivities } from '@switchyard/contracts';
import { activityInfo } from '@temporalio/activity';
import { manageDevice } from '../services/equinix.js';
import { manageVcenterVm } from '../services/vcenter.js';
import { inLastingCall } from './call.js';
import type { IntegrationPorts } from './ports.js';

const DONE = { create: 'made', 'power-on': 'switched on', 'power-off': 'switched off', remove: 'removed' } as const;

/** Step `vm`: makes one machine per run and step, switches it, or removes it. */
export function createManageVm(ports: IntegrationPorts): IntegrationActivities['manageVm'] {
  return (call) => {
    // What survives a worker that dies: a further attempt goes on with the time that is left.
    const before = activityInfo().heartbeatDetails as { readonly startedAt: number } | undefined;
    const progress = before ?? { startedAt: Date.now() };
    return inLastingCall(
      ports,
      call,
      async (tools) => {
        const input = parseOrThrow(vmSchema, call.input, `step "${call.step}"`);
        const { vcenter, equinix, action, name } = input;
        const deadline = progress.startedAt + input.within;
        const result = vcenter
          ? await manageVcenterVm(tools, vcenter, input, deadline)
          : equinix
            ? await manageDevice(tools, equinix, input, deadline)
            : noService();
        await tools.tell({
          type: `vm_${action}`,
          message: `${name} ${result.changed ? 'is' : 'was already'} ${DONE[action]}`,
          subject: name,
          data: { ...result },
        });
        return result;
      },
      () => progress,
    );
  };
}

function noService(): never {
  throw new CodedError('InvalidInput', 'a machine needs `vcenter` or `equinix`');
}
