import type { Command } from 'commander';
import { action } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { explainRun } from '../runs/explain/explain-run.js';
import { gatherFacts } from '../runs/explain/gather-facts.js';
import { renderExplanation } from '../runs/explain/render-explanation.js';
import { withSession } from '../session.js';

/** Registers explain below `runs`. */
export function registerExplainCommand(runs: Command): void {
  runs
    .command('explain')
    .description('why a run failed, or what it waits for, and what to do')
    .argument('<run>')
    .action(
      action((context, runId: string) =>
        withSession(context.root, async (session) => {
          const { terminal } = context;
          const now = new Date();
          const explanation = explainRun(await gatherFacts(session, runId), now);
          for (const line of renderExplanation(explanation, terminal, now)) terminal.say(line);
          terminal.json(explanation);
          return EXIT.ok.code;
        }),
      ),
    );
}
