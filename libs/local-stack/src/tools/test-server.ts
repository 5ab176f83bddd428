import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../processes/run-program.js';
import { cachePath, installOnce, type CacheEntry } from './cache.js';
import { onPath } from './sources.js';
import type { SourceAnswer, ToolContext, ToolDefinition } from './tool.js';

const ENTRY: CacheEntry = { name: 'temporal-test-server', version: '1.38.0' };
/** Of the list of all jars, each line as sha256sum writes it, sorted by name. The jars are the same on every platform. */
const DIGEST = 'bb7a46081eddc18177c24a06edde11c2776fe6707fb31f5a76f6f927a78ee9ec';
/** Named in full: without a version Maven would take its newest. */
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/** Temporal's test server, whose clock can skip time, as jars; it needs Java. The answer is the directory that holds them. */
export function testServerTool(context: ToolContext): ToolDefinition {
  return {
    tool: 'temporal-test-server',
    title: 'Temporal test server',
    fix: 'install Maven and Java 17 or later (Debian, Ubuntu: apt install maven), or set SWITCHYARD_TEST_SERVER_HOME to a directory with the jars of io.temporal:temporal-test-server',
    sources: [
      {
        name: 'SWITCHYARD_TEST_SERVER_HOME',
        what: 'the directory that SWITCHYARD_TEST_SERVER_HOME names',
        fetches: false,
        find: async () => {
          const directory = context.env['SWITCHYARD_TEST_SERVER_HOME'];
          return directory ? checkHome(directory) : { outcome: 'absent', detail: 'is not set' };
        },
      },
      {
        name: 'cache',
        what: cachePath(context, ENTRY),
        fetches: false,
        find: () => checkHome(cachePath(context, ENTRY)),
      },
      {
        name: 'maven',
        what: `io.temporal:temporal-test-server ${ENTRY.version} with Maven (38 MB)`,
        fetches: true,
        find: () => fetchJars(context),
      },
    ],
  };
}

async function checkHome(directory: string): Promise<SourceAnswer> {
  if (!(await stat(directory).catch(() => undefined))?.isDirectory())
    return { outcome: 'absent', detail: `${directory} is not a directory` };
  const names = await readdir(directory);
  const version = names.flatMap((name) => /^temporal-test-server-(\d[\w.-]*)\.jar$/.exec(name)?.[1] ?? []).at(0);
  return version === undefined
    ? { outcome: 'unfit', detail: `${directory} has no temporal-test-server-*.jar` }
    : { path: directory, version };
}

async function fetchJars(context: ToolContext): Promise<SourceAnswer> {
  const maven = await onPath(context, 'mvn');
  if (maven === undefined) return { outcome: 'absent', detail: 'no mvn on the PATH' };
  context.progress(`fetching the Temporal test server ${ENTRY.version} with Maven`);
  // A repository of its own, removed afterwards: Maven keeps its plugins there, too.
  const scratch = await mkdtemp(join(context.env['TMPDIR'] ?? tmpdir(), 'switchyard-maven-'));
  try {
    await installOnce(context, ENTRY, async (folder) => {
      await writeFile(join(scratch, 'pom.xml'), POM);
      const result = await runProgram(
        maven,
        [
          '--batch-mode',
          '--quiet',
          `-Dmaven.repo.local=${join(scratch, 'repository')}`,
          COPY,
          '-DincludeScope=runtime',
          `-DoutputDirectory=${folder}`,
        ],
        { cwd: scratch, env: context.env, timeoutMs: 600_000, scratch },
      );
      if (!result.ok) throw new Error(`mvn: ${mavenFailure(result.stdout) ?? result.how}`);
      const digest = await digestOfJars(folder);
      if (digest !== DIGEST)
        throw new Error(`the jars have the digest ${digest}, not the pinned ${DIGEST}; they were not used`);
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return checkHome(cachePath(context, ENTRY));
}

/** The first error is the cause; those after it tell how to ask Maven for more. */
const mavenFailure = (output: string): string | undefined => /^\[ERROR\] (.*)$/m.exec(output)?.[1];

async function digestOfJars(folder: string): Promise<string> {
  const list = createHash('sha256');
  for (const name of (await readdir(folder)).toSorted()) {
    // oxlint-disable-next-line no-await-in-loop -- the order of the list is part of its digest
    const content = await readFile(join(folder, name));
    list.update(`${createHash('sha256').update(content).digest('hex')}  ${name}\n`);
  }
  return list.digest('hex');
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>switchyard</groupId>
  <artifactId>temporal-test-server</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>${ENTRY.version}</version>
    </dependency>
  </dependencies>
</project>
`;
