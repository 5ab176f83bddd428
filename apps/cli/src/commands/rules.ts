import { randomUUID } from 'node:crypto';
import { EVENT_RULE_SIGNALS, eventRuleId, parseOrThrow, ruleEventSchema } from '@switchyard/contracts';
import { formatFileProblem } from '@switchyard/runbook';
import type { Command } from 'commander';
import { action, type Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { jsonOption, keyValues } from '../input/key-values.js';
import { loadRule, readRule } from '../input/load-rule.js';
import { applyRule } from '../rules/apply-rule.js';
import { ofRule, ruleStatusOf } from '../rules/find-rule.js';
import { renderRule, ruleInWords } from '../rules/render-rule.js';
import { listRuns } from '../runs/list-runs.js';
import { withSession } from '../session.js';
import { table } from '../terminal.js';
import { sendUpdate } from './decisions.js';

/** Most rules that a list shows. */
const MOST_RULES = 200;

const collect = (value: string, all: string[]): string[] => [...all, value];

/** Registers rules apply|validate|list|show|send-event|pause|resume|delete. */
export function registerRulesCommands(program: Command): void {
  const rules = program.command('rules').description('event rules: runbooks that start by themselves');

  rules
    .command('apply')
    .description('put a rule in force, or another version of one that is')
    .argument('<file>')
    .action(
      action(async (context, file: string) => {
        const rule = await loadRule(file, context.cwd);
        const { name } = rule.metadata;
        return withSession(context.root, async ({ client }) => {
          const { message } = await applyRule(client, rule, context.identity);
          context.terminal.say(context.terminal.color.green(message));
          context.terminal.json({ rule: name, runId: eventRuleId(name), message });
          return EXIT.ok.code;
        });
      }),
    );

  rules
    .command('validate')
    .description('check rule files, and the runbooks that they name; every problem comes with line and column')
    .argument('<file...>')
    .action(
      action(async ({ terminal, cwd }, files: string[]) => {
        const read = await Promise.all(files.map(async (file) => ({ file, ...(await readRule(file, cwd)) })));
        for (const { file, problems, rule } of read) {
          for (const problem of problems) terminal.say(formatFileProblem(problem));
          if (problems.length === 0 && rule)
            terminal.say(`${terminal.color.green('✓')} ${file}: ${rule.metadata.name}`);
        }
        const isValid = read.every(({ problems }) => problems.every((problem) => problem.level !== 'error'));
        terminal.json({ valid: isValid, files: read.map(({ file, problems }) => ({ file, problems })) });
        return isValid ? EXIT.ok.code : EXIT.usage.code;
      }),
    );

  rules
    .command('list')
    .description('the rules that are in force')
    .action(
      action((context) =>
        withSession(context.root, async ({ client }) => {
          const { terminal } = context;
          const runs = await listRuns(client, { kind: 'event-rule', open: true, limit: MOST_RULES });
          const found = await Promise.all(runs.map(({ target }) => ruleStatusOf(client, target)));
          for (const line of table(found.map((rule) => [terminal.color.bold(rule.name), ruleInWords(rule)])))
            terminal.say(line);
          if (found.length === 0) terminal.say('no rules');
          terminal.json(found);
          return EXIT.ok.code;
        }),
      ),
    );

  rules
    .command('show')
    .description('one rule: its groups and its last firings')
    .argument('<name>')
    .action(
      action((context, name: string) =>
        withSession(context.root, async ({ client }) => {
          const { terminal } = context;
          const status = await ruleStatusOf(client, name);
          for (const line of renderRule(status, terminal)) terminal.say(line);
          terminal.json(status);
          return EXIT.ok.code;
        }),
      ),
    );

  rules
    .command('send-event')
    .description('give a rule an event')
    .argument('<name>')
    .option('--set <field=value>', 'a field of the event (repeatable)', collect, [])
    .option('--data <json>', 'more fields of the event as JSON; --set wins')
    .option('--id <id>', 'the same for every delivery of one event; default: a new one')
    .action(
      action((context, name: string, o: { set: string[]; data?: string; id?: string }) => {
        const more = o.data === undefined ? {} : jsonOption(o.data, '--data');
        const data = { ...(more as object), ...keyValues(o.set, '--set') };
        const event = parseOrThrow(ruleEventSchema, { id: o.id ?? randomUUID(), data }, 'event');
        return withSession(context.root, async ({ client }) => {
          await ofRule(name, () =>
            client.workflow.getHandle(eventRuleId(name)).signal(EVENT_RULE_SIGNALS.event, event),
          );
          context.terminal.say(`event ${event.id} was given to rule "${name}"`);
          context.terminal.json({ rule: name, ...event });
          return EXIT.ok.code;
        });
      }),
    );

  for (const [name, description] of [
    ['pause', 'let a rule take events, but fire no more'],
    ['delete', 'end a rule; runs that it has started go on'],
  ] as const) {
    rules
      .command(name)
      .description(description)
      .argument('<name>')
      .requiredOption('--reason <text>')
      .action(action((context, rule: string, { reason }: { reason: string }) => tell(context, rule, name, { reason })));
  }

  rules
    .command('resume')
    .description('let a paused rule fire again')
    .argument('<name>')
    .action(action((context, rule: string) => tell(context, rule, 'resume', {})));
}

function tell(
  context: Context,
  rule: string,
  update: 'pause' | 'resume' | 'delete',
  payload: Record<string, unknown>,
): Promise<number> {
  return withSession(context.root, async ({ client }) => {
    const by = { identity: context.identity, channel: 'cli' };
    const reply = await sendUpdate(client, eventRuleId(rule), update, { ...payload, by });
    context.terminal.say(reply.message);
    context.terminal.json({ rule, update, ...reply });
    return EXIT.ok.code;
  });
}
