import { Command } from 'commander';
import { EXIT } from './exit-codes.js';

type Register = (program: Command) => void;

/** The groups of commands, in the order of the help, each with the commands that it registers. */
const GROUPS: readonly { readonly commands: readonly string[]; readonly load: () => Promise<Register> }[] = [
  { commands: ['demo'], load: async () => (await import('./commands/demo.js')).registerDemoCommand },
  { commands: ['test'], load: async () => (await import('./commands/test.js')).registerTestCommand },
  {
    commands: ['up', 'down', 'status', 'doctor'],
    load: async () => (await import('./commands/stack.js')).registerStackCommands,
  },
  { commands: ['run'], load: async () => (await import('./commands/run.js')).registerRunCommands },
  { commands: ['runs'], load: async () => (await import('./commands/runs.js')).registerRunsCommands },
  {
    commands: ['approve', 'reject', 'revoke', 'pause', 'abort', 'resume', 'retry', 'skip'],
    load: async () => (await import('./commands/decisions.js')).registerDecisionCommands,
  },
  {
    commands: ['schema-change'],
    load: async () => (await import('./commands/schema-change.js')).registerSchemaChangeCommands,
  },
  { commands: ['flags'], load: async () => (await import('./commands/flags.js')).registerFlagsCommands },
  { commands: ['rules'], load: async () => (await import('./commands/rules.js')).registerRulesCommands },
  { commands: ['locks'], load: async () => (await import('./commands/locks.js')).registerLocksCommands },
  { commands: ['drift'], load: async () => (await import('./commands/drift.js')).registerDriftCommands },
  { commands: ['runbook'], load: async () => (await import('./commands/runbook.js')).registerRunbookCommands },
  { commands: ['version'], load: async () => (await import('./commands/version.js')).registerVersionCommand },
];

/**
 * The command line. With the words of a call only the group that it means is loaded, which halves the time until a
 * command does something; without them, or for help and mistyped words, all of it.
 */
export async function createProgram(words: readonly string[] = []): Promise<Command> {
  const program = new Command('switchyard')
    .description('Durable, reversible and observable infrastructure and database change')
    .option('--json', 'print results as JSON, and nothing else, on standard output')
    .option('--as <identity>', 'who you are, for decisions and for the rule that nobody approves their own run')
    .showHelpAfterError('(add --help to see what there is)')
    .showSuggestionAfterError(true)
    .exitOverride()
    .addHelpText(
      'after',
      `\nExit codes:\n${Object.values(EXIT)
        .map(({ code, meaning }) => `  ${String(code).padEnd(4)} ${meaning}`)
        .join('\n')}`,
    );
  const [first] = words;
  const meant = GROUPS.filter(({ commands }) => first !== undefined && commands.includes(first));
  for (const { load } of meant.length > 0 ? meant : GROUPS) (await load())(program);
  return program;
}
