import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { action } from '../context.js';
import { EXIT } from '../exit-codes.js';

const packageSchema = z.object({ version: z.string() });

/** Registers version. */
export function registerVersionCommand(program: Command): void {
  program
    .command('version')
    .description('the version of Switchyard, Node and the Temporal SDK')
    .action(
      action(async ({ terminal, root }) => {
        const read = async (path: string): Promise<string> =>
          packageSchema.parse(JSON.parse(await readFile(join(root, path), 'utf8'))).version;
        const versions = {
          switchyard: await read('package.json'),
          node: process.versions.node,
          temporalSdk: await read('node_modules/@temporalio/client/package.json'),
        };
        terminal.say(`switchyard ${versions.switchyard} (node ${versions.node}, Temporal SDK ${versions.temporalSdk})`);
        terminal.json(versions);
        return EXIT.ok.code;
      }),
    );
}
