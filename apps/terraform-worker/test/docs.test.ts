import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createGitRepository, startGitServer, tools, type GitRepository, type GitServer } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDrift } from './drifting.js';
import { approve, openWorld, type World } from './world.js';

/** Where they are not there and their downloads are out of reach, tools are built. */
const BUILDING_MS = 20 * 60_000;
const ADDRESS = 'https://git.example.org/infra/stacks.git';
const TOKEN = 'glpat-of-the-page-0123';

const page = (name: string): string => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
const blocks = (name: string, language: string): string[] =>
  [...page(name).matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\\n\`\`\``, 'g'))].map(([, text = '']) => text);

/** A stack for every example: each run finds something to change, nothing to destroy, and leaves the database alone. */
const STACK = `
variable "zone" { default = "eu-1" }
variable "api_token" {
  default   = ""
  sensitive = true
}
resource "terraform_data" "network" { input = "\${var.zone} \${uuid()}" }
module "database" { source = "./database" }
`;
const DATABASE = 'resource "terraform_data" "database" {}\n';

let world: World;
let repository: GitRepository;
let server: GitServer;
beforeAll(async () => {
  world = await openWorld();
  await world.startWorker({
    ...(await tools(['tofu', 'opa'])),
    SWITCHYARD_GIT_PROTOCOLS: 'http',
    SECRET_GIT_TOKEN: TOKEN,
    SECRET_NETWORK_API_TOKEN: 'api-of-the-page-4567',
    SECRET_CHAT_TOKEN: 'chat-of-the-page-8901',
  });
  await world.stack('infra/network', { 'main.tf': STACK, 'database/main.tf': DATABASE });
  const [policy = ''] = blocks('stacks.md', 'rego');
  await mkdir(path.join(world.root, 'policies/terraform'), { recursive: true });
  await writeFile(path.join(world.root, 'policies/terraform/data.rego'), `${policy}\n`);
  repository = await createGitRepository('stacks');
  const state = `terraform {\n  backend "local" { path = "${path.join(world.root, 'git.tfstate')}" }\n}\n`;
  await repository.commit({
    'stacks/network/main.tf': state + STACK,
    'stacks/network/database/main.tf': DATABASE,
  });
  server = await startGitServer({ path: repository.path, credentials: `git:${TOKEN}` });
}, BUILDING_MS);
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
});

/** The example with the address of a server that is there. */
const given = (example: string): { readonly approval?: object } =>
  JSON.parse(example.replaceAll(ADDRESS, server.url)) as { readonly approval?: object };

describe('docs/stacks.md', () => {
  it('has examples', () => expect(blocks('stacks.md', 'json').length).toBeGreaterThan(4));

  it.each(blocks('stacks.md', 'json'))('shows an input that is planned, approved and applied: %s', async (example) => {
    const input = given(example);
    const handle = await world.start(input);
    // A run that fails never asks.
    if (input.approval) await Promise.race([approve(handle), handle.result()]);
    expect(await handle.result()).toMatchObject({ applied: true, changes: { destroy: 0 } });
  });
});

describe('docs/drift.md', () => {
  it.each(blocks('drift.md', 'json'))('shows an input that is compared: %s', async (example) => {
    const handle = await startDrift(world, given(example));
    expect(await handle.result()).toMatchObject({ drift: 'none' });
  });
});
