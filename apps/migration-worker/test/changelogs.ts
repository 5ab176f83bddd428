/** A changelog of three changesets: a table, rows in it, and a column from an included SQL file. All can be rolled back. */
export const USERS = {
  'changelog.yaml': `databaseChangeLog:
  - changeSet:
      id: create-users
      author: ann
      changes:
        - createTable:
            tableName: users
            columns:
              - column: { name: id, type: bigint, autoIncrement: true, constraints: { primaryKey: true } }
              - column: { name: name, type: text }
  - changeSet:
      id: seed-users
      author: ann
      changes:
        - sql: { sql: "insert into users (name) values ('Ann'), ('Bob')" }
      rollback:
        - sql: { sql: "delete from users" }
  - include: { file: more.sql, relativeToChangelogFile: true }
`,
  'more.sql': `--liquibase formatted sql
--changeset bob:add-email
alter table users add column email text;
--rollback alter table users drop column email;
`,
} as const;

/** One more changeset for {@link USERS}, as a second changelog file beside them. */
export function oneMore(id: string, sql: string, rollback = 'select 1'): string {
  return `databaseChangeLog:
  - changeSet:
      id: ${id}
      author: cara
      changes:
        - sql: { sql: ${JSON.stringify(sql)} }
      rollback:
        - sql: { sql: ${JSON.stringify(rollback)} }
`;
}
