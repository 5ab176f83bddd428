import { CodedError } from '@switchyard/contracts';
import { doctor, down, status, up, type StackStatus, type ToolReport, type UpResult } from '@switchyard/local-stack';
import { createDatabase, parseDatabaseConfig } from '@switchyard/shared-db';
import { maintain, migrate } from '@switchyard/store';
import type { Command } from 'commander';
import { action, type Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { table, type Terminal } from '../terminal.js';
import { localGateway, localWorkers } from '../workers.js';

/** Starts the local stack with all workers and the gateway, or joins the one that runs. */
export async function startStack(context: Pick<Context, 'root' | 'terminal'>): Promise<UpResult> {
  const result = await up({
    root: context.root,
    workers: localWorkers(context.root),
    gateway: localGateway(context.root),
    prepare: migrateStore,
    progress: (line) => context.terminal.note(context.terminal.color.dim(line)),
  });
  for (const notice of result.notices) context.terminal.note(notice);
  return result;
}

async function migrateStore(environment: Readonly<Record<string, string>>): Promise<void> {
  const database = createDatabase({
    role: 'migrator',
    config: parseDatabaseConfig(environment),
    applicationName: 'switchyard/cli migrate',
  });
  try {
    await migrate(database.knex);
    await maintain(database.knex);
  } finally {
    await database.close({ deadlineMs: 5_000 });
  }
}

/** The lines that tell people what runs where. */
export function stackLines(stack: StackStatus, color: Terminal['color']): string[] {
  return [
    ...table([
      [
        '  Temporal',
        stack.temporal.address,
        stack.temporal.uiUrl === null ? '' : `UI ${color.underline(stack.temporal.uiUrl)}`,
      ],
      ['  PostgreSQL', hostOf(stack.postgres.url), `databases switchyard, ${Object.keys(stack.databases).join(', ')}`],
    ]),
    ...table(
      [
        ...stack.workers.map((worker) => ({ ...worker, place: worker.taskQueue })),
        ...(stack.gateway ? [{ ...stack.gateway, place: color.underline(stack.gateway.url) }] : []),
      ].map((one) => [
        `  ${one.state === 'running' ? color.green('●') : color.yellow('○')} ${one.name}`,
        one.place,
        one.pid === null ? '' : `pid ${one.pid}`,
        one.state,
        one.restarts > 0 ? `${one.restarts} restarts, last: ${one.lastExit ?? ''}` : '',
      ]),
    ),
  ];
}

const hostOf = (url: string): string => new URL(url).host;

function reportLines(report: ToolReport, terminal: Terminal): string[] {
  const { color } = terminal;
  if (!report.found && report.neededFor !== null)
    return [`${color.dim('-')} ${report.title}`, 'not there', `only for ${report.neededFor}: ${report.fix ?? ''}`];
  const head = report.found
    ? [`${color.green('✓')} ${report.title}`, report.found.version, `${report.found.path} (${report.found.source})`]
    : [
        `${report.wouldObtain ? color.yellow('○') : color.red('✗')} ${report.title}`,
        'not there yet',
        report.wouldObtain ? `would come from: ${report.wouldObtain}` : (report.fix ?? ''),
      ];
  return head;
}

/** Registers up, down, status and doctor. */
export function registerStackCommands(program: Command): void {
  program
    .command('up')
    .description('start Temporal, PostgreSQL, all workers and the gateway on this machine, or join the stack that runs')
    .action(
      action(async (context) => {
        const { status: stack, joined } = await startStack(context);
        context.terminal.say(joined ? 'The stack runs already.' : 'The stack is up.');
        for (const line of stackLines(stack, context.terminal.color)) context.terminal.say(line);
        context.terminal.say(context.terminal.color.dim('  stop it with: switchyard down'));
        context.terminal.json({ joined, ...stack });
        return EXIT.ok.code;
      }),
    );

  program
    .command('down')
    .description('stop the local stack and everything that a crashed one left; the data stay')
    .action(
      action(async (context) => {
        const { wasRunning, leftovers } = await down(context.root);
        const extra = leftovers > 0 ? `; ended ${leftovers} processes that were left over` : '';
        context.terminal.say(`${wasRunning ? 'The stack is down' : 'No stack was running'}${extra}.`);
        context.terminal.json({ wasRunning, leftovers });
        return EXIT.ok.code;
      }),
    );

  program
    .command('status')
    .description('what runs where; with --json the document that scripts use')
    .action(
      action(async (context) => {
        const stack = await status(context.root);
        if (!stack)
          throw new CodedError('UpstreamFailed', 'no local stack runs here; start one with `./switchyard up`');
        for (const line of stackLines(stack, context.terminal.color)) context.terminal.say(line);
        context.terminal.json(stack);
        return EXIT.ok.code;
      }),
    );

  program
    .command('doctor')
    .description('for each tool: where it was found, how it would be obtained, and what is missing')
    .action(
      action(async ({ terminal }) => {
        const reports = await doctor();
        for (const line of table(reports.map((report) => reportLines(report, terminal)))) terminal.say(line);
        for (const report of reports) {
          const tried = report.attempts.filter(
            (attempt) => attempt.outcome === 'failed' || attempt.outcome === 'unfit',
          );
          for (const attempt of tried)
            terminal.say(terminal.color.dim(`    ${report.title}: ${attempt.source}: ${attempt.detail}`));
        }
        const missing = reports.filter(
          (report) => !report.found && report.wouldObtain === null && report.neededFor === null,
        );
        for (const report of missing) terminal.say(terminal.color.red(`missing: ${report.title}. ${report.fix ?? ''}`));
        terminal.json({ tools: reports, missing: missing.map((report) => report.tool) });
        return missing.length > 0 ? EXIT.missing.code : EXIT.ok.code;
      }),
    );
}
