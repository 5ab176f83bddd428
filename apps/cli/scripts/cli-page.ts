import type { Command } from 'commander';
import { EXIT } from '../dist/exit-codes.js';
import { createProgram } from '../dist/program.js';

const cell = (text: string): string => text.replaceAll('|', '\\|');

function section(command: Command, path: string): string[] {
  if (command.commands.length > 0)
    return command.commands.flatMap((sub) => (sub.name() === 'help' ? [] : section(sub, `${path} ${sub.name()}`)));
  const words = command.registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name();
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  const rows = command.options.map(
    (option) =>
      `| \`${cell(option.flags)}\` | ${cell(option.description)}${option.argChoices ? ` (${option.argChoices.join(', ')})` : ''} |`,
  );
  return [
    `## ${[path, ...words].join(' ')}`,
    '',
    `${command.description().charAt(0).toUpperCase()}${command.description().slice(1)}.`,
    '',
    ...(rows.length > 0 ? ['| option | meaning |', '|---|---|', ...rows, ''] : []),
  ];
}

/** docs/cli.md, made from the program itself. */
export async function cliPage(): Promise<string> {
  const program = await createProgram();
  return [
    '# The command line',
    '',
    'Called as `./switchyard` in a checkout. Every command takes `--json` (one document on standard output, nothing else there; `runs logs` prints one event per line) and `--as <identity>`. Without a terminal nothing is redrawn and no question is asked. This page is generated from the program.',
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    ...Object.values(EXIT).map(({ code, meaning }) => `| ${code} | ${meaning} |`),
    '',
    ...section(program, 'switchyard'),
  ].join('\n');
}
