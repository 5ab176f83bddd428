// A worker without Temporal, or a gateway without flags: it serves /ready and does as its environment says.
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { TOY_FAIL, TOY_NOTES, SWITCHYARD_HEALTH_PORT, SWITCHYARD_GATEWAY_PORT, TOY_LEAVES_CHILD } = process.env;
if (TOY_FAIL) {
  console.error('no such database');
  process.exit(3);
}
if (TOY_LEAVES_CHILD) spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).unref();
if (TOY_NOTES) {
  const names = Object.keys(process.env).filter((name) => /^(DB_|TEMPORAL_|SWITCHYARD_)/.test(name));
  appendFileSync(TOY_NOTES, `${JSON.stringify({ pid: process.pid, names: names.toSorted() })}\n`);
}
createServer((request, response) => response.writeHead(request.url === '/ready' ? 200 : 404).end()).listen(
  Number(SWITCHYARD_GATEWAY_PORT ?? SWITCHYARD_HEALTH_PORT),
  '127.0.0.1',
);
process.on('SIGTERM', () => process.exit(0));
