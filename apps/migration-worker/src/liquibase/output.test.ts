import { describe, expect, it } from 'vitest';
import { failedChangeset, failureReason, parseChangesetLine, parseIdentity, parseUpdateSql } from './output.js';

const UPDATE_SQL = `SET SEARCH_PATH TO public, "$user","public";

-- Lock Database
UPDATE public.databasechangeloglock SET LOCKED = TRUE, LOCKEDBY = 'vm (10.0.0.1)', LOCKGRANTED = NOW() WHERE ID = 1 AND LOCKED = FALSE;

-- *********************************************************************
-- Update Database Script
-- Ran at: 11/20/26, 7:29 PM
-- *********************************************************************

-- Changeset db/changelog.yaml::create-users::ann
SET SEARCH_PATH TO public, "$user","public";

CREATE TABLE public.users (id BIGINT NOT NULL);

INSERT INTO public.databasechangelog (ID, AUTHOR) VALUES ('create-users', 'ann');

-- Changeset db/more.sql::add-email::bob
-- adds the address
alter table users add column email text;
update databasechangelog_archive set a = 1;

INSERT INTO public.databasechangelog (ID, AUTHOR) VALUES ('add-email', 'bob');

-- Release Database Lock
UPDATE public.databasechangeloglock SET LOCKED = FALSE WHERE ID = 1;
`;

const FAILED = [
  'Running Changeset: more.sql::bad::bob',
  'ERROR: Exception Primary Reason:  ERROR: relation "nosuch" does not exist',
  '',
  'Unexpected error running Liquibase: Migration failed for changeset more.sql::bad::bob:',
  '     Reason: liquibase.exception.DatabaseException: ERROR: relation "nosuch" does not exist',
  '',
  'For more information, please use the --log-level flag',
];

describe('the output of Liquibase', () => {
  it('gives each pending changeset with its own statements only', () => {
    expect(parseUpdateSql(UPDATE_SQL)).toEqual([
      {
        file: 'db/changelog.yaml',
        id: 'create-users',
        author: 'ann',
        statements: ['CREATE TABLE public.users (id BIGINT NOT NULL);'],
      },
      {
        file: 'db/more.sql',
        id: 'add-email',
        author: 'bob',
        statements: ['alter table users add column email text;\nupdate databasechangelog_archive set a = 1;'],
      },
    ]);
  });

  it('gives nothing when nothing is pending', () => {
    expect(parseUpdateSql('-- Lock Database\n\n-- Release Database Lock\nUPDATE x;\n')).toEqual([]);
  });

  it('splits an identity into file, id and author', () => {
    expect(parseIdentity('a/b.sql::1:2::ann')).toEqual({ file: 'a/b.sql', id: '1:2', author: 'ann' });
    expect(parseIdentity('no identity')).toBeUndefined();
  });

  it('tells which changeset runs or goes back', () => {
    expect(parseChangesetLine('Running Changeset: a::b::c')).toEqual({ action: 'running', identity: 'a::b::c' });
    expect(parseChangesetLine('Rolling Back Changeset: a::b::c')).toEqual({
      action: 'rolling back',
      identity: 'a::b::c',
    });
    expect(parseChangesetLine('Liquibase Version: 4.28.0')).toBeUndefined();
  });

  it('names the failed changeset and the reason, and nothing around it', () => {
    expect(failedChangeset(FAILED)).toBe('more.sql::bad::bob');
    const reason = failureReason(FAILED);
    expect(reason).toMatch(/^Migration failed for changeset/);
    expect(reason).toContain('relation "nosuch" does not exist');
    expect(reason).not.toContain('For more information');
  });

  it('falls back to the last lines where Liquibase gave no reason', () => {
    expect(failureReason(['Error: Could not find or load main class'])).toBe(
      'Error: Could not find or load main class',
    );
    expect(failureReason([])).toBe('no reason was given');
  });
});
