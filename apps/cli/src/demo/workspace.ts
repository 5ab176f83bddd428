import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connectDatabase, parseDatabaseUrl } from '@switchyard/shared-db';

/** Where one demo works: a copy of the example, so that no state file lands in the checkout. */
export interface DemoWorkspace {
  readonly project: string;
  readonly siteRoot: string;
}

/** Copies the example into `.switchyard/demo/<id>`, and keeps only the newest few of earlier demos. */
export async function makeWorkspace(root: string, id: string): Promise<DemoWorkspace> {
  const demos = join(root, '.switchyard', 'demo');
  await mkdir(demos, { recursive: true });
  const old = (await readdir(demos)).toSorted().slice(0, -3);
  await Promise.all(old.map((name) => rm(join(demos, name), { recursive: true, force: true })));
  const project = join(demos, id);
  await cp(join(root, 'examples', 'full-stack'), project, { recursive: true });
  const siteRoot = join(project, 'site');
  await mkdir(join(siteRoot, 'hosts'), { recursive: true });
  return { project, siteRoot };
}

/** Removes what an earlier demo left in the database, so that this one has something to migrate. Touches only its tables. */
export async function resetDemoTables(databaseUrl: string): Promise<void> {
  const database = connectDatabase(parseDatabaseUrl(databaseUrl), { applicationName: 'switchyard/demo' });
  try {
    await database.knex.raw('drop table if exists demo_hosts, demo_releases');
    const { rows } = await database.knex.raw<{ rows: { there: boolean }[] }>(
      `select to_regclass('databasechangelog') is not null as there`,
    );
    if (rows[0]?.there) await database.knex.raw(`delete from databasechangelog where id like 'demo-%'`);
  } finally {
    await database.close({ deadlineMs: 2_000 });
  }
}

/** How often each host was configured to its end, as its own journal says. */
export async function readJournals(siteRoot: string): Promise<Record<string, number>> {
  const folder = join(siteRoot, 'hosts');
  const hosts = (await readdir(folder)).toSorted();
  const lines = await Promise.all(
    hosts.map(async (host) => {
      const text = await readFile(join(folder, host, 'journal.log'), 'utf8').catch(() => '');
      return [host, text.split('\n').filter((line) => line !== '').length] as const;
    }),
  );
  return Object.fromEntries(lines);
}
