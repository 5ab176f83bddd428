import { formatFileProblem, runbookJsonSchema } from '@switchyard/runbook';
import type { Command } from 'commander';
import { action } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { inputCells, inputViews } from '../input/describe-inputs.js';
import { loadRunbook, readRunbook } from '../input/load-runbook.js';
import { table } from '../terminal.js';

const HEAD = ['input', 'type', 'default', 'allowed', 'description'];

/** Registers runbook validate|inputs|schema. */
export function registerRunbookCommands(program: Command): void {
  const runbook = program.command('runbook').description('check runbook files');

  runbook
    .command('validate')
    .description('check runbook files without running them; every problem comes with line and column')
    .argument('<file...>')
    .action(
      action(async ({ terminal, cwd }, files: string[]) => {
        const read = await Promise.all(files.map(async (file) => ({ file, ...(await readRunbook(file, cwd)) })));
        for (const { file, problems, runbook: found } of read) {
          for (const problem of problems) terminal.say(formatFileProblem(problem));
          if (problems.length === 0 && found)
            terminal.say(`${terminal.color.green('✓')} ${file}: ${found.metadata.name}, ${found.steps.length} steps`);
        }
        const isValid = read.every(({ problems }) => problems.every((problem) => problem.level !== 'error'));
        terminal.json({ valid: isValid, files: read.map(({ file, problems }) => ({ file, problems })) });
        return isValid ? EXIT.ok.code : EXIT.usage.code;
      }),
    );

  runbook
    .command('inputs')
    .description('what a runbook asks for: type, default, allowed values and description of each input')
    .argument('<file>')
    .action(
      action(async ({ terminal, cwd }, file: string) => {
        const found = await loadRunbook(file, cwd);
        const inputs = inputViews(found);
        const { name } = found.metadata;
        if (inputs.length === 0) terminal.say(`${name} takes no inputs`);
        else for (const line of table([HEAD, ...inputs.map(inputCells)])) terminal.say(line);
        terminal.json({ runbook: name, inputs });
        return EXIT.ok.code;
      }),
    );

  runbook
    .command('schema')
    .description('the JSON Schema of a runbook, for editors')
    .action(
      action(async ({ terminal }) => {
        const schema = runbookJsonSchema();
        if (terminal.isJson) terminal.json(schema);
        else terminal.say(JSON.stringify(schema, null, 2));
        return EXIT.ok.code;
      }),
    );
}
