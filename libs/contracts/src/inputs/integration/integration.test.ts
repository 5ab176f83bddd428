import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { formatProblems, parse } from '../../parse.js';
import { cmdbSchema } from './cmdb.js';
import { dnsSchema } from './dns.js';
import { healthCheckSchema } from './health.js';
import { notifySchema } from './notify.js';
import { pageSchema } from './page.js';
import { ticketSchema } from './ticket.js';
import { vmSchema } from './vm.js';
import { vmwareDeployInputSchema } from './vmware-deploy.js';
import { vmQueueOf } from '../../integration-activities.js';

const secret = { $secret: 'token' };
const jira = { url: 'https://acme.atlassian.net', user: 'bot@acme.dev', token: secret, project: 'OPS' };
const vcenter = { url: 'https://vcenter', user: 'svc', password: secret, folder: '/dc/vm', template: '/dc/vm/t' };

const problemsOf = (schema: z.ZodType, value: unknown): string => {
  const parsed = parse(schema, value);
  return parsed.ok ? 'none' : formatProblems(parsed.problems);
};

describe('inputs of the integration worker', () => {
  it.each([
    ['webhook', notifySchema, { url: 'https://chat/hook', text: 'x' }],
    ['webhook whose URL is a secret', notifySchema, { url: secret, text: 'x' }],
    ['Slack app', notifySchema, { slack: { token: secret, channel: 'C1' }, text: 'x' }],
    ['Slack webhook', notifySchema, { slack: { webhook: secret }, text: 'x' }],
    ['page', pageSchema, { routingKey: secret, summary: 'disk full' }],
    ['Jira', ticketSchema, { jira, summary: 'x' }],
    ['ServiceNow', ticketSchema, { servicenow: { url: 'https://a', token: secret }, summary: 'x' }],
    [
      'Route 53',
      dnsSchema,
      { route53: { zone: 'example.com' }, name: 'a.example.com', type: 'A', values: ['10.0.0.1'] },
    ],
    ['CMDB', cmdbSchema, { rest: { url: 'https://cmdb/api' } }],
    ['vCenter', vmSchema, { vcenter: { ...vcenter, pool: '/dc/host/a' }, name: 'web1' }],
    ['VMware deployment', vmwareDeployInputSchema, 'terraform'],
    ['Prometheus', healthCheckSchema, { prometheus: { url: 'http://p' }, queries: { up: { query: 'up', min: 1 } } }],
  ])('take what a caller writes: %s', (_what, schema, value) => {
    expect(problemsOf(schema, value)).toBe('none');
  });

  it('refuse a token in clear text without repeating it', () => {
    const told = problemsOf(ticketSchema, { jira: { ...jira, token: 'abc123' }, summary: 'x' });
    expect(told).toBe('jira.token: must be a reference to a secret: {"$secret": "name"}');
  });

  it('name the nearest field of the service', () => {
    expect(problemsOf(ticketSchema, { jira: { ...jira, projct: 'OPS' }, summary: 'x' })).toContain(
      'jira.projct: unknown field "projct"; did you mean "project"?',
    );
    expect(problemsOf(vmwareDeployInputSchema, { terraformDi: 'x' })).toContain('did you mean "terraformDir"?');
  });

  it.each([
    [notifySchema, { text: 'x' }, 'name one of `url` and `slack`'],
    [notifySchema, { slack: { token: secret }, text: 'x' }, 'name `token` and `channel`, or only `webhook`'],
    [pageSchema, { routingKey: secret }, '`summary` is required to trigger'],
    [pageSchema, { routingKey: secret, action: 'resolve' }, '`dedupKey` is required'],
    [ticketSchema, { jira, servicenow: { url: 'https://a', token: secret }, summary: 'x' }, 'name one of'],
    [ticketSchema, { jira, action: 'close' }, '`key` is required to close'],
    [dnsSchema, { route53: { zone: 'z' }, name: 'a', type: 'A' }, '`values` is required'],
    [cmdbSchema, { rest: { url: 'https://cmdb' }, action: 'upsert' }, '`name` is required'],
    [vmSchema, { vcenter, name: 'a' }, '`vcenter.template` and `vcenter.pool` are required'],
    [vmwareDeployInputSchema, {}, 'name one of `terraformDir` and `vm`'],
    [healthCheckSchema, {}, 'name something to ask'],
    [healthCheckSchema, { urls: ['http://a'], prometheus: { url: 'http://p' } }, 'belong together'],
  ])('say what is missing (%#)', (schema, value, message) => {
    expect(problemsOf(schema as z.ZodType, value)).toContain(message);
  });

  it('send a machine of vCenter to the workers that reach it', () => {
    const input = { vcenter: { ...vcenter, pool: '/dc/host/a' }, name: 'a' };
    expect(vmQueueOf(vmSchema.parse(input))).toBe('vmware-task-queue');
    const equinix = { token: secret, project: 'p', plan: 'c3', metro: 'da', operatingSystem: 'debian_12' };
    expect(vmQueueOf(vmSchema.parse({ equinix, name: 'a' }))).toBe('integration-queue');
  });
});
