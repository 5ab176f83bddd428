import { changeSchema, showHolders, STREAM_WRITER, type ChangeSession } from '@switchyard/change-database';
import { createSlot, dropSlot, type SlotIdentity } from '@switchyard/pgoutput';
import { createPublication, dropPublication, resetWriter } from '@switchyard/schema-change';
import type { StreamCall } from './contract.js';
import type { Call } from './in-call.js';

const WAIT_FOR_SLOT_MS = 10 * 60_000;
const TELL_EVERY_MS = 10_000;

/**
 * Makes the publication, then the slot: a slot that is older than its publication can never be decoded. Both from
 * scratch, because of a slot whose making was not heard of nobody knows where it begins.
 */
export function openStream({ stream }: StreamCall, call: Call): Promise<SlotIdentity> {
  const { names, shape } = stream;
  return call.open('open', (session) =>
    call.open('watch', async (observer) => {
      await dropSlot(observer, names.slot, { terminate: true, signal: call.signal });
      await session.run(resetWriter({ change: shape.id, writer: STREAM_WRITER }));
      await publish(session, call, stream);
      let toldAt = 0;
      const identity = await createSlot({
        slot: names.slot,
        publications: [names.publication],
        session,
        observer,
        waitMs: WAIT_FOR_SLOT_MS,
        signal: call.signal,
        onBlocked: (blockers) => {
          const who = blockers.map(
            ({ pid, name, seconds }) => `pid ${pid ?? '-'} (${name || 'no name'}, ${Math.round(seconds)} s)`,
          );
          if (Date.now() - toldAt < TELL_EVERY_MS) return;
          toldAt = Date.now();
          const message = `the slot waits for transactions that are open: ${who.join(', ')}`;
          call.show(message);
          void call.record({ type: 'slot_waits', level: 'warning', message });
        },
      });
      await call.record({
        type: 'slot_created',
        message: `publication and slot ${names.slot} are there, from ${identity.createdAt} on`,
        data: { ...identity },
      });
      return identity;
    }),
  );
}

function publish(session: ChangeSession, call: Call, { names, shape }: StreamCall['stream']): Promise<unknown> {
  return changeSchema(session, {
    statements: [dropPublication(names.publication), createPublication(names.publication, [shape.source])],
    tables: [shape.source],
    signal: call.signal,
    onGaveWay: async (attempt, holders) => {
      call.show(`the publication waits for a lock: ${showHolders(holders)}`);
      if (attempt === 1) {
        await call.record({
          type: 'gave_way',
          level: 'warning',
          message: `the publication gave way to ${showHolders(holders)}`,
        });
      }
    },
  });
}
