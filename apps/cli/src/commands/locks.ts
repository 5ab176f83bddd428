import { CodedError } from '@switchyard/contracts';
import { isRunOpen } from '@switchyard/run-probe';
import { forceRelease, listLocks } from '@switchyard/store';
import type { Command } from 'commander';
import { action, type Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { withSession, withStore } from '../session.js';
import { cut, table } from '../terminal.js';

interface ReleaseOptions {
  readonly reason: string;
  readonly force?: boolean;
}

/** Registers locks list|release. */
export function registerLocksCommands(program: Command): void {
  const locks = program.command('locks').description('look at what runs hold for themselves, and take it from them');

  locks
    .command('list')
    .description('all locks: which run holds each, what for and since when, and which runs wait')
    .action(
      action((context) =>
        withStore(context.root, async ({ db }) => {
          const { terminal } = context;
          const { color } = terminal;
          const held = await listLocks(db);
          const rows = held.flatMap(({ waiters, ...lock }) => [
            [color.bold(lock.name), `held by ${lock.workflowId}`, seconds(lock.since), cut(lock.reason, 50)],
            ...waiters.map((waiter) => [
              '',
              color.yellow(`awaited by ${waiter.workflowId}`),
              seconds(waiter.since),
              cut(waiter.reason, 50),
            ]),
          ]);
          for (const line of table(rows)) terminal.say(line);
          if (held.length === 0) terminal.say('no locks');
          terminal.json(held);
          return EXIT.ok.code;
        }),
      ),
    );

  locks
    .command('release')
    .description('take a lock from a run that has ended; who did it and why is kept in the audit')
    .argument('<lock>', 'its name, as `locks list` shows it')
    .requiredOption('--reason <text>', 'why')
    .option('--force', 'also from a run that is under way, which then may change the same thing as the next run')
    .action(action(release));
}

const seconds = (time: string): string => `since ${time.slice(0, 19).replace('T', ' ')}`;

function release(context: Context, name: string, { reason, force = false }: ReleaseOptions): Promise<number> {
  const { terminal, identity, root } = context;
  return withSession(root, async (session) => {
    const { db } = session.store();
    const lock = (await listLocks(db)).find((candidate) => candidate.name === name);
    if (!lock)
      throw new CodedError('NotFound', `nobody holds lock "${name}"; \`switchyard locks list\` shows those in use`);
    if (!force && (await isRunOpen(session.client, lock))) {
      throw new CodedError(
        'LockUnavailable',
        `lock "${name}" is held by ${lock.workflowId}, which is under way (${lock.reason}, since ${lock.since}); wait for it, end it with \`switchyard abort ${lock.workflowId}\`, or take the lock all the same with --force`,
        { details: { lock } },
      );
    }
    // From the owner that was looked at: another run may have got the lock since.
    const taken = await forceRelease(db, { name, by: identity, reason, from: lock });
    terminal.say(terminal.color.green(`lock ${name} taken from ${taken.workflowId}, by ${identity}`));
    for (const waiter of lock.waiters) terminal.say(`  ${waiter.workflowId} waits for it (${waiter.reason})`);
    terminal.json({ released: taken, by: identity, reason, isForced: force, waiters: lock.waiters });
    return EXIT.ok.code;
  });
}
