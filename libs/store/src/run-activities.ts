import type { RunActivities } from '@switchyard/contracts';
import { recordDecision } from './decisions.js';
import { appendEvents } from './events/append.js';
import { keysOfEvents } from './events/keys.js';
import type { Db } from './sql.js';

/** The activities by which workflow code reaches the store; every worker with workflows registers them. */
export function createRunActivities(db: Db): RunActivities {
  return {
    async recordRunEvents(told) {
      await appendEvents(db, { events: told.events, keys: keysOfEvents(told) });
    },
    async recordDecision(decision) {
      const { fields, groups } = decision;
      await recordDecision(db, { ...decision, data: { ...(fields && { fields }), ...(groups && { groups }) } });
    },
  };
}
