import {
  CodedError,
  cmdbSchema,
  parseOrThrow,
  type CmdbInput,
  type IntegrationActivities,
} from '@switchyard/contracts';
import type { Cmdb, CmdbHost } from '../services/cmdb.js';
import { inventoryGroups } from '../services/inventory-groups.js';
import { restCmdb } from '../services/rest-cmdb.js';
import { serviceNowCmdb } from '../services/servicenow-cmdb.js';
import { inCall, type CallTools } from './call.js';
import type { IntegrationPorts } from './ports.js';

/** Bytes of a result that still fit into workflow history, with room for what is around it. */
const MOST_BYTES = 1_500_000;

/** Step `cmdb`: reads hosts as they are and as an inventory, or keeps one record. */
export function createAskCmdb(ports: IntegrationPorts): IntegrationActivities['askCmdb'] {
  return (call) =>
    inCall(ports, call, async (tools) => {
      const input = parseOrThrow(cmdbSchema, call.input, `step "${call.step}"`);
      const cmdb = await open(tools, input);
      const { action, name = '' } = input;
      const tell = (message: string, subject?: string): Promise<void> =>
        tools.tell({ type: `cmdb_${action}`, message, ...(subject === undefined ? {} : { subject }) });
      if (action === 'read') {
        const hosts = tools.masker.maskValue(await cmdb.read(input.query)) as CmdbHost[];
        const result = { hosts, groups: inventoryGroups(hosts, input), record: null, changed: false };
        checkSize(result);
        await tell(`the CMDB gave ${hosts.length} hosts in ${Object.keys(result.groups).length - 1} groups`);
        return result;
      }
      if (action === 'remove') {
        const changed = await cmdb.remove(name);
        await tell(changed ? `removed ${name}` : `${name} was not there`, name);
        return { hosts: [], groups: {}, record: null, changed };
      }
      const attributes = (await tools.resolve(input.attributes)) as Record<string, unknown>;
      const { record, changed } = await cmdb.upsert(name, attributes);
      await tell(`kept ${name}`, name);
      return { hosts: [], groups: {}, record: tools.masker.maskValue(record) as typeof record, changed };
    });
}

async function open(tools: CallTools, input: CmdbInput): Promise<Cmdb> {
  if (input.rest) return restCmdb(tools, input.rest, input);
  if (input.servicenow) return serviceNowCmdb(tools, input.servicenow, input);
  throw new CodedError('InvalidInput', 'a call to a CMDB needs `rest` or `servicenow`');
}

function checkSize(result: { readonly hosts: readonly CmdbHost[] }): void {
  const bytes = Buffer.byteLength(JSON.stringify(result));
  if (bytes <= MOST_BYTES) return;
  throw new CodedError(
    'InvalidInput',
    `the CMDB gave ${result.hosts.length} hosts, ${bytes} bytes, which do not fit into a result; narrow them with \`query\``,
  );
}
