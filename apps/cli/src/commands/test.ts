import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { obtainTools, OPTIONAL_TOOLS, TEST_TOOLS, TOOLS } from '@switchyard/local-stack';
import type { Command } from 'commander';
import { action } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import { packageFolders, readReports, type FailedTest } from '../testing/read-reports.js';

/** Registers test: everything that has to hold for this checkout, and the sum of it as the last line. */
export function registerTestCommand(program: Command): void {
  program
    .command('test')
    .description('lint, type-check, build, bundle and test everything; unchanged parts come from the cache')
    .option('-p, --project <name...>', 'only these packages')
    .option('--no-cache', 'run everything again')
    .action(
      action(async ({ terminal, root }, options: { project?: string[]; cache: boolean }) => {
        // A report of an earlier run must not count for a suite that never started now.
        await Promise.all(
          (await packageFolders(root)).map((folder) =>
            rm(join(folder, 'test-results'), { recursive: true, force: true }),
          ),
        );
        await prepareTools(terminal);
        const projects = options.project?.map((name) => (name.startsWith('@') ? name : `@switchyard/${name}`));
        const code = await nx(root, [
          'run-many',
          '--targets=lint,typecheck,build,bundle,test',
          '--nxBail=false',
          '--outputStyle=static',
          ...(projects ? [`--projects=${projects.join(',')}`] : []),
          ...(options.cache ? [] : ['--skipNxCache']),
        ]);
        const sum = await readReports(root);
        for (const failure of sum.failures) terminal.say(describeFailure(terminal, failure));
        // A failed lint, type check or build is a failure too, also when every test that could run passed.
        const failed = sum.failed + (code !== 0 && sum.failed === 0 ? 1 : 0);
        if (code !== 0 && sum.failed === 0) terminal.say('a target other than a test failed; see above');
        terminal.json({ ...sum, failed });
        terminal.say(`${sum.passed} passed, ${failed} failed, ${sum.skipped} skipped`);
        return failed > 0 ? EXIT.failed.code : EXIT.ok.code;
      }),
    );
}

/** At the end again: in the output of two suites at once, what failed is hard to find. */
function describeFailure({ color }: Terminal, { file, test, reason }: FailedTest): string {
  return `${color.red('failed')} ${file}${test === null ? '' : `: ${test}`}\n  ${reason.replaceAll('\n', '\n  ')}`;
}

/**
 * Fetches the tools before any suite starts: within a test, minutes of building Temporal would count as its time.
 * What cannot be had is told here, and again by the suites that need it.
 */
async function prepareTools(terminal: Terminal): Promise<void> {
  try {
    await obtainTools({
      only: [...TOOLS, ...OPTIONAL_TOOLS, ...TEST_TOOLS],
      progress: (line) => terminal.note(terminal.color.dim(line)),
    });
  } catch (error) {
    terminal.note(error instanceof Error ? error.message : String(error));
  }
}

function nx(root: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'node_modules', 'nx', 'dist', 'bin', 'nx.js'), ...args], {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        NX_DAEMON: 'false',
        PATH: `${join(root, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`,
      },
    });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
