import { text } from 'node:stream/consumers';
import { supervise, supervisorConfigSchema } from './supervisor.js';

// The configuration holds a password, so it comes by standard input and not by argument or environment.
await supervise(supervisorConfigSchema.parse(JSON.parse(await text(process.stdin))));
