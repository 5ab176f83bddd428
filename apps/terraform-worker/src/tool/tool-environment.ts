import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { baseEnvironment } from '@switchyard/process';

/** Names that providers and backends read their credentials and settings from. */
const PASSED_ON =
  /^(AWS|AZURE|ARM|GOOGLE|CLOUDSDK|KUBE|PG|OCI|TF|TOFU)_|^(KUBECONFIG|PGHOST|PGPORT|PGUSER|PGPASSWORD|PGDATABASE|PGSSLMODE)$/;

/**
 * Names that would change what Switchyard asks of the tool: arguments, where its data lies, which workspace it uses.
 * TF_LOG writes request bodies, and with them secrets, to the output.
 */
const KEPT_BACK = /^(TF|TOFU)_(CLI_ARGS|DATA_DIR|WORKSPACE|INPUT|IN_AUTOMATION|LOG|PLUGIN_CACHE)/;

const SECRET_NAME = /SECRET|TOKEN|PASSWORD|CREDENTIALS|ACCESS_KEY|CONN_STR/;

/** The environment of every command of the tool on this worker. Nothing of the worker's own configuration is in it. */
export function toolEnvironment(env: NodeJS.ProcessEnv, cliConfig: string | undefined): Record<string, string> {
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && PASSED_ON.test(entry[0]) && !KEPT_BACK.test(entry[0]),
  );
  const result: Record<string, string> = {
    ...baseEnvironment(env),
    ...Object.fromEntries(passed),
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
  };
  if (cliConfig !== undefined) result['TF_CLI_CONFIG_FILE'] = cliConfig;
  // The tool prints seven lines of plain text at every call when the file that it is told to read is not there.
  else if (result['TF_CLI_CONFIG_FILE'] !== undefined && !existsSync(result['TF_CLI_CONFIG_FILE'])) {
    delete result['TF_CLI_CONFIG_FILE'];
  }
  return result;
}

/** Values of the environment that are credentials: masked in everything that the tool prints. */
export function credentialsIn(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment)
    .filter(([name]) => PASSED_ON.test(name) && SECRET_NAME.test(name))
    .map(([, value]) => value);
}

/**
 * Writes the tool's CLI configuration for a mirror of providers. What the mirror holds comes from it alone, so that a
 * stack resolves alike with and without a network; everything else comes from its registry.
 * @returns the path of the file, or undefined without a mirror
 */
export async function writeCliConfig(workDir: string, mirror: string | undefined): Promise<string | undefined> {
  if (mirror === undefined) return undefined;
  const held = (await providersIn(mirror)).map((provider) => JSON.stringify(provider)).join(', ');
  const file = path.join(workDir, 'terraform', 'cli.tfrc');
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const text = `provider_installation {
  filesystem_mirror {
    path = ${JSON.stringify(path.resolve(mirror))}
  }
  direct {
    exclude = [${held}]
  }
}
disable_checkpoint = true
`;
  await writeFile(file, text);
  return file;
}

/** Every `host/namespace/type` of a mirror. */
async function providersIn(mirror: string, depth = 3): Promise<string[]> {
  if (depth === 0) return [''];
  const entries = await readdir(mirror, { withFileTypes: true }).catch(() => []);
  const nested = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory())
      .map(async ({ name }) =>
        (await providersIn(path.join(mirror, name), depth - 1)).map((rest) => (rest === '' ? name : `${name}/${rest}`)),
      ),
  );
  return nested.flat();
}
