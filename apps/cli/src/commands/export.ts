import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { environment } from '@switchyard/local-stack';
import type { Command } from 'commander';
import { z } from 'zod';
import { action } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { describeRun } from '../runs/describe-run.js';
import { withSession } from '../session.js';
import { usageError } from '../usage-error.js';

/** Registers export and verify below `runs`. */
export function registerExportCommands(runs: Command): void {
  runs
    .command('export')
    .description('everything that proves a run, as one archive with digests and without secrets')
    .argument('<run>')
    .requiredOption('-o, --output <file>', 'the .tar.gz to write; it must not exist yet')
    .action(
      action((context, runId: string, o: { output: string }) =>
        withSession(context.root, async (session) => {
          const { terminal, root } = context;
          const file = resolve(context.cwd, o.output);
          if (existsSync(file)) throw usageError(`${file} exists already; remove it, or name another file`);
          const { parentExecution } = await describeRun(session, runId);
          if (parentExecution?.workflowId)
            throw usageError(
              `${runId} was started by ${parentExecution.workflowId}: export the run that it belongs to, of which it is a part`,
            );
          const [{ collectEvidence }, { packEvidence }, { cleanerFor, secretsOf }] = await Promise.all([
            import('../runs/export/collect-evidence.js'),
            import('../runs/export/pack.js'),
            import('../runs/export/without-secrets.js'),
          ]);
          const clean = cleanerFor(await secretsOf({ ...process.env, ...(await environment(root)) }));
          const release = await releaseOf(root);
          const { manifest, digest } = await packEvidence(file, (folder) =>
            collectEvidence({ session, runId, folder, clean, release }),
          );
          for (const { path, bytes } of manifest.files) terminal.say(`  ${path.padEnd(16)} ${bytes} bytes`);
          for (const text of manifest.missing) terminal.say(terminal.color.yellow(`  missing: ${text}`));
          terminal.say(`wrote ${file}; keep the digest of its manifest elsewhere: ${digest}`);
          terminal.json({ file, digest, manifest });
          return EXIT.ok.code;
        }),
      ),
    );

  runs
    .command('verify')
    .description('check an exported archive against its digests; needs no stack')
    .argument('<file>')
    .option('--digest <sha256>', 'what the manifest has to be, as `runs export` said')
    .action(
      action(async ({ terminal, cwd }, path: string, o: { digest?: string }) => {
        const { verifyPack } = await import('../runs/export/verify-pack.js');
        const file = resolve(cwd, path);
        const verified = await verifyPack(file, o.digest);
        const isWhole = verified.problems.length === 0;
        for (const problem of verified.problems) terminal.say(terminal.color.red(`  ${problem}`));
        terminal.say(
          isWhole
            ? terminal.color.green(`${verified.files} files of ${verified.runId ?? ''} are as they were exported`)
            : terminal.color.red(`${file} is not what was exported`),
        );
        terminal.json({ file, ok: isWhole, ...verified });
        return isWhole ? EXIT.ok.code : EXIT.gate.code;
      }),
    );
}

async function releaseOf(root: string): Promise<string> {
  const text = await readFile(join(root, 'package.json'), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
