import type { EventName } from '@switchyard/schema-change';
import { fail } from '@switchyard/workflow-kit';
import { sleep } from '@temporalio/workflow';
import type { ChangeCall, EndKind } from '../../../change/contract.js';
import { calls } from '../calls.js';
import type { Changing } from '../changing.js';
import { catchUp, closely, prove } from './prove.js';

/** The time in which people find out; counted once, also when the state is entered again. */
export async function coolDown(changing: Changing, step: string): Promise<EventName> {
  const { run, change } = changing;
  changing.coolingSince ??= new Date().toISOString();
  const left = Date.parse(changing.coolingSince) + change.gates.coolDown - Date.now();
  if (left <= 0) return 'done';
  run.step(step).waiting(`until ${new Date(Date.now() + left).toISOString()}; an abort loses nothing meanwhile`);
  await run.waitFor({ kind: 'condition', name: 'cool-down' }, () => sleep(left));
  return 'done';
}

/** The last look before the point of no return. */
export async function close(changing: Changing, step: string): Promise<EventName> {
  const { flags } = changing;
  await changing.patient(step, () => calls.short.disableOldReads({ ...changing.call(step), flags }));
  await catchUp(changing, step, { ...closely(changing), minStableSeconds: 0 });
  await prove(changing, step);
  return 'done';
}

export async function drop(changing: Changing, step: string): Promise<EventName> {
  await changing.stream?.stop();
  changing.definition = await changing.patient(step, () => calls.short.dropOldColumn(changing.guarded(step)));
  return 'done';
}

export async function clean(changing: Changing, step: string): Promise<EventName> {
  await changing.patient(step, () => calls.short.removeControl(changing.call(step)));
  await changing.patient(step, () => nothingLeft(changing.call(step), 'completed'));
  return 'done';
}

/** Proves that nothing was left behind. @throws CompensationFailed with what is still there */
export async function nothingLeft(call: ChangeCall, end: EndKind): Promise<void> {
  const left = await calls.short.findLeftovers({ ...call, end });
  if (left.length === 0) return;
  const words = left.map(({ kind, name }) => `${kind} ${name}`).join(', ');
  throw fail('CompensationFailed', `still there: ${words}`, { left });
}
