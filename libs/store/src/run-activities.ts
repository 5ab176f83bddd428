import type { RunActivities } from '@switchyard/contracts';
import { recordDecision } from './decisions.js';
import { appendEvents } from './events/append.js';
import type { Db } from './sql.js';

/** The activities by which workflow code reaches the store; every worker with workflows registers them. */
export function createRunActivities(db: Db): RunActivities {
  return {
    async recordRunEvents({ batchId, events }) {
      await appendEvents(db, { batchId, events });
    },
    async recordDecision(decision) {
      const { fields, groups } = decision;
      await recordDecision(db, { ...decision, data: { ...(fields && { fields }), ...(groups && { groups }) } });
    },
  };
}
