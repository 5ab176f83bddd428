import { formatDuration } from '@switchyard/contracts';
import { down } from '@switchyard/local-stack';
import type { Command } from 'commander';
import { action } from '../context.js';
import { actFullStack, type ActReport } from '../demo/act-full-stack.js';
import { EXIT } from '../exit-codes.js';
import { withSession } from '../session.js';
import { table, type Terminal } from '../terminal.js';
import { startStack, stackLines } from './stack.js';

function reportLines(act: ActReport, { color }: Terminal): string[] {
  return [
    '',
    color.bold(
      act.ok ? color.green(`It worked, in ${formatDuration(act.durationMs)}.`) : color.red('It did not work.'),
    ),
    ...table(act.steps.map((step) => [`  ${step.title}`, step.state, step.ms === null ? '' : formatDuration(step.ms)])),
    '',
    ...table(
      act.checks.map((check) => [
        `  ${check.ok ? color.green('✓') : color.red('✗')} ${check.what}`,
        color.dim(check.seen),
      ]),
    ),
  ];
}

/** Registers demo. */
export function registerDemoCommand(program: Command): void {
  program
    .command('demo')
    .description(
      'watch the main act: Terraform, approval, database and Ansible in one run that survives a killed worker',
    )
    .option('--exit', 'stop everything at the end instead of staying up until Ctrl-C')
    .action(
      action(async (context, options: { exit?: boolean }) => {
        const { terminal, root } = context;
        const interrupt = new AbortController();
        const onSignal = (): void => interrupt.abort();
        process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
        const began = Date.now();
        const { status: stack, joined } = await startStack(context);
        try {
          terminal.note(
            terminal.color.dim(
              `${joined ? 'joined the stack that runs' : 'the stack is up'} after ${formatDuration(Date.now() - began)}`,
            ),
          );
          for (const line of stackLines(stack, terminal.color)) terminal.say(line);
          terminal.say('');
          const act = await withSession(root, (session) =>
            actFullStack({ root, stack, session, terminal, signal: interrupt.signal }),
          );
          for (const line of reportLines(act, terminal)) terminal.say(line);
          if (act.link) terminal.say(`\n  Temporal UI  ${terminal.color.underline(act.link)}`);
          terminal.say(`  Log          switchyard runs logs ${act.runId}`);
          terminal.json({ ok: act.ok, setUpMs: Date.now() - began - act.durationMs, acts: [act] });
          if (interrupt.signal.aborted) return EXIT.interrupted.code;
          if (!options.exit && !terminal.isJson) {
            terminal.say(terminal.color.dim('\nEverything stays up for you to look around. Ctrl-C ends it.'));
            await aborted(interrupt.signal);
          }
          return act.ok ? EXIT.ok.code : EXIT.failed.code;
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
