import type { Command } from 'commander';
import { action } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { describeRun } from '../runs/describe-run.js';
import type { ReplayedExecution } from '../runs/replay/replay-run.js';
import { withSession } from '../session.js';

/** Registers replay below `runs`. */
export function registerReplayCommand(runs: Command): void {
  runs
    .command('replay')
    .description("play the history of a run against today's code of the workers, event by event")
    .argument('<run>')
    .option('--no-children', 'the run alone, without the workflows that it started')
    .action(
      action((context, runId: string, o: { children: boolean }) =>
        withSession(context.root, async (session) => {
          const { terminal } = context;
          const described = await describeRun(session, runId);
          // The worker's SDK is large and native: no other command has to wait for it.
          const { replayRun } = await import('../runs/replay/replay-run.js');
          const { renderExecution, replayVerdict } = await import('../runs/replay/render-replay.js');
          const run = { workflowId: runId, runId: described.runId };
          const executions: ReplayedExecution[] = [];
          for await (const execution of replayRun({
            client: session.client,
            root: context.root,
            run,
            withChildren: o.children,
          })) {
            for (const line of renderExecution(execution, terminal)) terminal.say(line);
            // What was shown need not be kept: a run may have thousands of children.
            executions.push(terminal.isJson ? execution : { ...execution, told: [] });
          }
          const verdict = replayVerdict(executions);
          const isSame = executions.every(({ outcome }) => outcome !== 'differs');
          terminal.say(isSame ? terminal.color.green(verdict) : terminal.color.red(verdict));
          terminal.json({ runId, deterministic: isSame, verdict, executions });
          return isSame ? EXIT.ok.code : EXIT.failed.code;
        }),
      ),
    );
}
