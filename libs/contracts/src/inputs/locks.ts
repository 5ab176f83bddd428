import { z } from 'zod';
import { durationSchema } from '../duration.js';

/** How the names of locks begin that workflows take by themselves. */
const TAKEN_BY_WORKFLOWS = ['terraform:', 'database:', 'schema-change:'] as const;

/** The name of a lock that people choose: a host group, an environment, whatever must not be changed by two at once. */
export const lockNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][\w./:@-]{0,199}$/,
    'must be letters, digits and . _ / : @ -, at most 200, beginning with a letter or digit',
  )
  .refine(
    (name) => !TAKEN_BY_WORKFLOWS.some((begin) => name.startsWith(begin)),
    `must not begin with ${TAKEN_BY_WORKFLOWS.join(', ')}: those locks are taken by the workflows themselves`,
  );

/** How many locks a run may ask for. */
export const MOST_LOCKS = 20;

/** How long a run waits for its locks when it does not say, in milliseconds. */
export const DEFAULT_LOCK_TIMEOUT_MS = 15 * 60_000;

export const lockTimeoutSchema = durationSchema
  .optional()
  .meta({ description: 'How long to wait for `locks`; default 15m, 0 for not at all' });
