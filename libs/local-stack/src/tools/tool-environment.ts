import { basename } from 'node:path';
import type { FoundTool, ToolName } from './tool.js';

const VARIABLES: Readonly<Record<ToolName, ((path: string) => string) | undefined>> = {
  temporal: () => 'SWITCHYARD_TEMPORAL_BIN',
  postgres: undefined, // the stack starts it; no worker does
  'postgres-client': () => 'SWITCHYARD_PG_BIN',
  ansible: () => 'SWITCHYARD_ANSIBLE_BIN',
  terraform: (path) => (basename(path).startsWith('tofu') ? 'SWITCHYARD_TOFU_BIN' : 'SWITCHYARD_TERRAFORM_BIN'),
  java: () => 'SWITCHYARD_JAVA_BIN',
  liquibase: () => 'SWITCHYARD_LIQUIBASE_HOME',
  opa: () => 'SWITCHYARD_OPA_BIN',
  tofu: () => 'SWITCHYARD_TOFU_BIN',
  'temporal-test-server': () => 'SWITCHYARD_TEST_SERVER_HOME',
  kubernetes: () => 'KUBEBUILDER_ASSETS',
};

/** The variables by which workers find their tools. */
export function toolEnvironment(tools: readonly FoundTool[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    tools.flatMap(({ tool, path }) => {
      const variable = VARIABLES[tool]?.(path);
      return variable === undefined ? [] : [[variable, path]];
    }),
  );
}
