import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../processes/run-program.js';
import { cachePath, installOnce } from './cache.js';
import { download, type Download } from './download.js';
import { buildWithGo } from './go.js';
import { checkVersion, fromCache, fromPath, fromVariable, type VersionCheck } from './sources.js';
import type { SourceAnswer, ToolContext, ToolDefinition } from './tool.js';
import { versionIn } from './version.js';

const VERSION = '1.5.1';
const ENTRY = { name: 'temporal', version: VERSION };

/** A binary that was built from source calls itself 0.0.0-DEV, so the version that counts is the server's. */
const CHECK: VersionCheck = {
  args: ['--version'],
  parse: (output) => versionIn(/Server ([\d.]+)/.exec(output)?.[1] ?? ''),
  minimum: '1.28.0',
};

const DIGESTS: Readonly<Record<string, string>> = {
  linux_amd64: 'ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d',
  darwin_amd64: 'bbb73e2a31135abe50a1f1cdb35030c42961df618e8ce9c60ae89f201540c5d9',
  darwin_arm64: 'cca01b7ea35ad56e2a328d9ae596bf716bd22313ef63c7a761c88354457c2415',
};

/** The Temporal CLI, which holds the development server and its web page. The answer is the executable. */
export function temporalTool(context: ToolContext): ToolDefinition {
  const options = { variable: 'SWITCHYARD_TEMPORAL_BIN', executable: 'temporal', check: CHECK };
  return {
    tool: 'temporal',
    title: 'Temporal server',
    fix: 'install the Temporal CLI (https://docs.temporal.io/cli) or Go 1.24 or later, or set SWITCHYARD_TEMPORAL_BIN to the executable',
    sources: [
      fromVariable(context, options),
      fromPath(context, options),
      fromCache(context, ENTRY, options),
      {
        name: 'official download',
        what: `download of version ${VERSION} with a pinned checksum (50 MB)`,
        fetches: true,
        find: () => downloadTemporal(context),
      },
      {
        name: 'go install',
        what: `build of version ${VERSION} with Go (4 to 9 minutes once, 3 GB while it builds)`,
        fetches: true,
        find: () => buildTemporal(context),
      },
    ],
  };
}

/** The official archive for this platform, where its checksum is pinned. */
export function temporalArchive(context: Pick<ToolContext, 'platform' | 'arch'>): Download | undefined {
  const platform = `${context.platform}_${context.arch === 'x64' ? 'amd64' : context.arch}`;
  const sha256 = DIGESTS[platform];
  const url = `https://github.com/temporalio/cli/releases/download/v${VERSION}/temporal_cli_${VERSION}_${platform}.tar.gz`;
  return sha256 === undefined ? undefined : { url, sha256 };
}

async function downloadTemporal(context: ToolContext): Promise<SourceAnswer> {
  const archive = temporalArchive(context);
  if (archive === undefined)
    return { outcome: 'absent', detail: `no checksum is pinned for ${context.platform}-${context.arch}` };
  context.progress(`downloading Temporal ${VERSION} from ${new URL(archive.url).host}`);
  await installOnce(context, ENTRY, async (folder) => {
    const file = join(folder, 'archive.tar.gz');
    await download(archive, file, { progress: context.progress });
    const unpacked = await runProgram('tar', ['-xzf', file, '-C', folder, 'temporal'], { timeoutMs: 120_000 });
    if (!unpacked.ok) throw new Error(`tar: ${unpacked.how}`);
    await rm(file);
  });
  return checkVersion(context, join(cachePath(context, ENTRY), 'temporal'), CHECK);
}

async function buildTemporal(context: ToolContext): Promise<SourceAnswer> {
  const missing = await buildWithGo(context, ENTRY, {
    title: 'Temporal',
    path: 'github.com/temporalio/cli/cmd/temporal',
    duration: '4 to 9 minutes',
  });
  return missing ?? checkVersion(context, join(cachePath(context, ENTRY), 'temporal'), CHECK);
}
