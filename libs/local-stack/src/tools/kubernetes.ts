import { join } from 'node:path';
import { cachePath, type CacheEntry } from './cache.js';
import { buildModuleWithGo } from './go.js';
import { checkVersion, fromCache, type VersionCheck } from './sources.js';
import type { SourceAnswer, ToolContext, ToolDefinition } from './tool.js';

const VERSION = '1.37.2';
const ENTRY: CacheEntry = { name: 'kubernetes', version: VERSION };
const CHECK: VersionCheck = { args: ['--version'], minimum: '1.30.0' };

/**
 * The server of a Kubernetes control plane: `kube-apiserver` and the `etcd` that it keeps its objects in. The answer is
 * the directory that holds both.
 */
export function kubernetesTool(context: ToolContext): ToolDefinition {
  return {
    tool: 'kubernetes',
    title: 'Kubernetes API server',
    fix: 'install Go 1.26 or later, or set KUBEBUILDER_ASSETS to a directory with kube-apiserver and etcd (setup-envtest makes one)',
    sources: [
      {
        name: 'KUBEBUILDER_ASSETS',
        what: 'the directory that KUBEBUILDER_ASSETS names',
        fetches: false,
        find: async () => {
          const directory = context.env['KUBEBUILDER_ASSETS'];
          return directory ? checkDirectory(context, directory) : { outcome: 'absent', detail: 'is not set' };
        },
      },
      fromCache(context, ENTRY, { executable: 'kube-apiserver', check: CHECK, answer: 'directory' }),
      {
        name: 'go build',
        what: `build of version ${VERSION} with Go (5 to 9 minutes once, 3 GB while it builds)`,
        fetches: true,
        find: () => build(context),
      },
    ],
  };
}

async function checkDirectory(context: ToolContext, directory: string): Promise<SourceAnswer> {
  const etcd = await checkVersion(context, join(directory, 'etcd'), { args: ['--version'] });
  return 'path' in etcd ? checkVersion(context, join(directory, 'kube-apiserver'), CHECK, directory) : etcd;
}

async function build(context: ToolContext): Promise<SourceAnswer> {
  const missing = await buildModuleWithGo(context, ENTRY, {
    title: 'the Kubernetes API server',
    duration: '5 to 9 minutes',
    module: 'kubernetes',
    programs: {
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      etcd: 'go.etcd.io/etcd/server/v3',
    },
    // What it calls itself, and by which it decides what it serves.
    values: [`k8s.io/component-base/version.gitVersion=v${VERSION}`],
  });
  return missing ?? checkDirectory(context, cachePath(context, ENTRY));
}
