import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cachePath, installOnce, type CacheEntry } from './cache.js';
import { download, type Download } from './download.js';
import { buildModuleWithGo } from './go.js';
import { checkVersion, fromCache, fromPath, fromVariable } from './sources.js';
import { TOFU } from './terraform.js';
import type { SourceAnswer, ToolContext, ToolDefinition } from './tool.js';
import { unzip } from './unzip.js';

const VERSION = '1.10.6';
const ENTRY: CacheEntry = { name: 'tofu', version: VERSION };
const MODULE = 'github.com/opentofu/opentofu';

const DIGESTS: Readonly<Record<string, string>> = {
  linux_amd64: '15b7bed76420b50da3e121769c43341df8cd57d751ca14e6dbe9c850124c6dac',
};

/** OpenTofu, beside Terraform: for stacks that ask for it by name. The answer is the executable. */
export function tofuTool(context: ToolContext): ToolDefinition {
  const options = { variable: 'SWITCHYARD_TOFU_BIN', executable: 'tofu', check: TOFU };
  return {
    tool: 'tofu',
    title: 'OpenTofu',
    fix: 'install OpenTofu 1.8 or later (https://opentofu.org/docs/intro/install/), or set SWITCHYARD_TOFU_BIN to the executable',
    neededFor: 'stacks with `engine: tofu`',
    sources: [
      fromVariable(context, options),
      fromPath(context, options),
      fromCache(context, ENTRY, options),
      {
        name: 'official download',
        what: `download of version ${VERSION} with a pinned checksum (27 MB)`,
        fetches: true,
        find: () => downloadTofu(context),
      },
      {
        name: 'go build',
        what: `build of version ${VERSION} with Go (4 to 10 minutes once)`,
        fetches: true,
        find: () => buildTofu(context),
      },
    ],
  };
}

/** The official archive for this platform, where its checksum is pinned. */
export function tofuArchive(context: Pick<ToolContext, 'platform' | 'arch'>): Download | undefined {
  const platform = `${context.platform}_${context.arch === 'x64' ? 'amd64' : context.arch}`;
  const sha256 = DIGESTS[platform];
  const url = `https://github.com/opentofu/opentofu/releases/download/v${VERSION}/tofu_${VERSION}_${platform}.zip`;
  return sha256 === undefined ? undefined : { url, sha256 };
}

const answer = (context: ToolContext): Promise<SourceAnswer> =>
  checkVersion(context, join(cachePath(context, ENTRY), 'tofu'), TOFU);

async function downloadTofu(context: ToolContext): Promise<SourceAnswer> {
  const archive = tofuArchive(context);
  if (archive === undefined)
    return { outcome: 'absent', detail: `no checksum is pinned for ${context.platform}-${context.arch}` };
  context.progress(`downloading OpenTofu ${VERSION} from ${new URL(archive.url).host}`);
  await installOnce(context, ENTRY, async (folder) => {
    const file = join(folder, 'archive.zip');
    await download(archive, file, { progress: context.progress });
    await unzip(file, folder, { select: (name) => (name === 'tofu' ? name : undefined), mode: () => 0o755 });
    await rm(file);
  });
  return answer(context);
}

async function buildTofu(context: ToolContext): Promise<SourceAnswer> {
  const missing = await buildModuleWithGo(context, ENTRY, {
    title: 'OpenTofu',
    duration: '4 to 10 minutes',
    module: 'opentofu',
    programs: { tofu: `${MODULE}/cmd/tofu` },
    values: [`${MODULE}/version.dev=no`],
  });
  return missing ?? answer(context);
}
