import {
  ansibleInputSchema,
  approvalStepSchema,
  cmdbSchema,
  dnsSchema,
  healthCheckSchema,
  httpRequestSchema,
  migrationInputSchema,
  notifySchema,
  pageSchema,
  runbookStepSchema,
  schemaChangeStepSchema,
  terraformInputSchema,
  ticketSchema,
  waitStepSchema,
  workflowStepSchema,
  type StepKind,
} from '@switchyard/contracts';
import type { z } from 'zod';

/** The schema of `with` for each kind of step. */
export const KIND_SCHEMAS = {
  ansible: ansibleInputSchema,
  terraform: terraformInputSchema,
  'database-migration': migrationInputSchema,
  'schema-change': schemaChangeStepSchema,
  http: httpRequestSchema,
  health: healthCheckSchema,
  notify: notifySchema,
  page: pageSchema,
  ticket: ticketSchema,
  dns: dnsSchema,
  cmdb: cmdbSchema,
  wait: waitStepSchema,
  approval: approvalStepSchema,
  runbook: runbookStepSchema,
  workflow: workflowStepSchema,
} as const satisfies Record<StepKind, z.ZodType>;
