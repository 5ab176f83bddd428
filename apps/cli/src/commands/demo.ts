import { formatDuration } from '@switchyard/contracts';
import { down, type StackStatus } from '@switchyard/local-stack';
import { Argument, type Command } from 'commander';
import { action, type Context } from '../context.js';
import type { Act, ActReport } from '../demo/act.js';
import { actFullStack } from '../demo/act-full-stack.js';
import { actSchemaChange } from '../demo/act-schema-change.js';
import { EXIT } from '../exit-codes.js';
import { withSession } from '../session.js';
import { table, type Terminal } from '../terminal.js';
import { startStack, stackLines } from './stack.js';

/** The acts, in the order in which they are played. */
const ACTS: Readonly<Record<string, { readonly title: string; readonly play: Act }>> = {
  'full-stack': { title: 'Terraform → approval → database → Ansible', play: actFullStack },
  'schema-change': { title: 'A schema change under traffic', play: actSchemaChange },
};

/** `stays`: the stack is there afterwards, so that there is something to look at. */
function reportLines(act: ActReport, { terminal, stays }: { terminal: Terminal; stays: boolean }): string[] {
  const { color } = terminal;
  return [
    '',
    ...act.lines(terminal),
    '',
    ...table(
      act.checks.map((check) => [
        `  ${check.ok ? color.green('✓') : color.red('✗')} ${check.what}`,
        color.dim(check.seen),
      ]),
    ),
    '',
    color.bold(
      act.ok ? color.green(`It worked, in ${formatDuration(act.durationMs)}.`) : color.red('It did not work.'),
    ),
    ...(stays && act.link ? [`  Temporal UI  ${color.underline(act.link)}`] : []),
    ...(stays ? [`  Log          switchyard runs logs ${act.runId}`] : []),
  ];
}

async function playActs(
  { root, terminal }: Context,
  names: readonly string[],
  { stack, stays, signal }: { readonly stack: StackStatus; readonly stays: boolean; readonly signal: AbortSignal },
): Promise<ActReport[]> {
  const reports: ActReport[] = [];
  for (const [i, name] of names.entries()) {
    const act = ACTS[name];
    if (!act || signal.aborted) break;
    if (names.length > 1) terminal.say(terminal.color.bold(`\nAct ${i + 1} of ${names.length}: ${act.title}\n`));
    const report = await withSession(root, (session) => act.play({ root, stack, session, terminal, signal }));
    for (const line of reportLines(report, { terminal, stays })) terminal.say(line);
    reports.push(report);
  }
  return reports;
}

/** Registers demo. */
export function registerDemoCommand(program: Command): void {
  program
    .command('demo')
    .description(
      'watch both acts, each checked: Terraform, approval, database and Ansible in one run; a schema change under traffic. A worker is killed in each',
    )
    .addArgument(new Argument('[act]', 'one act alone').choices(Object.keys(ACTS)))
    .option('--exit', 'stop everything at the end instead of staying up until Ctrl-C')
    .action(
      action(async (context, given: string | undefined, options: { exit?: boolean }) => {
        const { terminal, root } = context;
        const interrupt = new AbortController();
        const onSignal = (): void => interrupt.abort();
        process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
        const began = Date.now();
        const { status: stack, joined } = await startStack(context);
        try {
          const setUpMs = Date.now() - began;
          terminal.note(
            terminal.color.dim(
              `${joined ? 'joined the stack that runs' : 'the stack is up'} after ${formatDuration(setUpMs)}`,
            ),
          );
          for (const line of stackLines(stack, terminal.color)) terminal.say(line);
          const names = given === undefined ? Object.keys(ACTS) : [given];
          const stays = joined || (!options.exit && !terminal.isJson);
          const acts = await playActs(context, names, { stack, stays, signal: interrupt.signal });
          const ok = acts.length === names.length && acts.every((act) => act.ok);
          terminal.json({ ok, setUpMs, acts });
          if (interrupt.signal.aborted) return EXIT.interrupted.code;
          if (!options.exit && !terminal.isJson) {
            terminal.say(terminal.color.dim('\nEverything stays up for you to look around. Ctrl-C ends it.'));
            await aborted(interrupt.signal);
          }
          return ok ? EXIT.ok.code : EXIT.failed.code;
        } finally {
          process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
          // A stack that ran before is its starter's: it is left as it was found.
          if (joined) terminal.note('the stack ran before this demo and is left running');
          else {
            terminal.note(terminal.color.dim('stopping the stack'));
            await down(root);
          }
        }
      }),
    );
}

/** Waits for Ctrl-C. A timer keeps the process alive meanwhile: a listener for a signal alone does not. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const alive = setInterval(() => undefined, 60_000);
    signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    });
  });
}
