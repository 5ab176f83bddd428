import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { cachePath, installOnce, type CacheEntry } from './cache.js';
import { download, type Download } from './download.js';
import { buildWithGo } from './go.js';
import { checkVersion, fromCache, fromPath, fromVariable, type VersionCheck } from './sources.js';
import type { SourceAnswer, ToolContext, ToolDefinition } from './tool.js';

const VERSION = '1.20.2';
const ENTRY: CacheEntry = { name: 'opa', version: VERSION };

const DIGESTS: Readonly<Record<string, string>> = {
  linux_amd64_static: '69da5179ee403d10fa11bab6cfb4ffb0d23dba5f9b682fa977db772a1da5670f',
  linux_arm64_static: '431bed5a365578241ab06c7cc1c7d0cdff8c11dcbc6f12c3488590deb8b8d66d',
  darwin_amd64: 'e9b8d205db1aeaa6ec350855087b7d7fc014e7728b65cdf822464ee59e63f601',
  darwin_arm64: '54e7008e696d39e8e4f96594e2b71bcbe45fd9a4f838102bcf1240638bf3fbe1',
};

/** With version 1 Rego itself changed: an older program reads other policies. */
const CHECK: VersionCheck = { args: ['version'], minimum: '1.0.0', major: 1 };

/** Open Policy Agent, which judges plans by rules in Rego. The answer is the executable. */
export function opaTool(context: ToolContext): ToolDefinition {
  const options = { variable: 'SWITCHYARD_OPA_BIN', executable: 'opa', check: CHECK };
  return {
    tool: 'opa',
    title: 'Open Policy Agent',
    fix: 'install OPA 1 (https://www.openpolicyagent.org/docs#1-download-opa), or set SWITCHYARD_OPA_BIN to the executable',
    neededFor: 'policies in Rego (policies.rego, SWITCHYARD_TERRAFORM_POLICIES)',
    sources: [
      fromVariable(context, options),
      fromPath(context, options),
      fromCache(context, ENTRY, options),
      {
        name: 'official download',
        what: `download of version ${VERSION} with a pinned checksum (60 MB)`,
        fetches: true,
        find: () => downloadOpa(context),
      },
      {
        name: 'go install',
        what: `build of version ${VERSION} with Go (2 minutes once)`,
        fetches: true,
        find: () => buildOpa(context),
      },
    ],
  };
}

/** The official program for this platform, where its checksum is pinned. On Linux the one that needs no libc. */
export function opaProgram(context: Pick<ToolContext, 'platform' | 'arch'>): Download | undefined {
  const arch = context.arch === 'x64' ? 'amd64' : context.arch;
  const platform = `${context.platform}_${arch}${context.platform === 'linux' ? '_static' : ''}`;
  const sha256 = DIGESTS[platform];
  const url = `https://github.com/open-policy-agent/opa/releases/download/v${VERSION}/opa_${platform}`;
  return sha256 === undefined ? undefined : { url, sha256 };
}

const answer = (context: ToolContext): Promise<SourceAnswer> =>
  checkVersion(context, join(cachePath(context, ENTRY), 'opa'), CHECK);

async function downloadOpa(context: ToolContext): Promise<SourceAnswer> {
  const program = opaProgram(context);
  if (program === undefined)
    return { outcome: 'absent', detail: `no checksum is pinned for ${context.platform}-${context.arch}` };
  context.progress(`downloading Open Policy Agent ${VERSION} from ${new URL(program.url).host}`);
  await installOnce(context, ENTRY, async (folder) => {
    const file = join(folder, 'opa');
    await download(program, file, { progress: context.progress });
    await chmod(file, 0o755);
  });
  return answer(context);
}

async function buildOpa(context: ToolContext): Promise<SourceAnswer> {
  const missing = await buildWithGo(context, ENTRY, {
    title: 'Open Policy Agent',
    path: 'github.com/open-policy-agent/opa',
    duration: '2 minutes',
  });
  return missing ?? answer(context);
}
