import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const VERSION = '1.30.0';

/** A Python with Temporal's SDK, kept in the user's cache folder so that it is fetched once. */
export async function pythonWithTemporal(): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'switchyard', 'python-temporalio');
  const home = join(cache, VERSION);
  const python = join(home, 'bin', 'python');
  if (
    await access(python).then(
      () => true,
      () => false,
    )
  )
    return python;
  await mkdir(cache, { recursive: true });
  const part = await mkdtemp(join(cache, 'part-'));
  // Installing without byte code makes every later start slow.
  const { PYTHONDONTWRITEBYTECODE: _unset, ...env } = process.env;
  await run('python3', ['-m', 'venv', part], { env });
  await run(
    join(part, 'bin', 'python'),
    ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `temporalio==${VERSION}`],
    { env, timeout: 300_000 },
  );
  // Whoever is first wins; the environment works under either name, since only its scripts hold absolute paths.
  await rename(part, home).catch(() => rm(part, { recursive: true, force: true }));
  return python;
}
