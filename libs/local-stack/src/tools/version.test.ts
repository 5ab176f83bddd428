import { describe, expect, it } from 'vitest';
import { atLeast, versionIn } from './version.js';

describe('versionIn', () => {
  it.each([
    ['Terraform v1.11.4\non linux_amd64', '1.11.4'],
    ['pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)', '15.18'],
    ['OpenTofu v1.9.0', '1.9.0'],
    ['nothing here', undefined],
  ])('reads %j as %s', (text, version) => {
    expect(versionIn(text)).toBe(version);
  });
});

describe('atLeast', () => {
  it.each([
    ['1.10.0', '1.9.0', true],
    ['1.9', '1.9.0', true],
    ['17', '17.0.1', false],
    ['2.9.27', '2.14', false],
    ['21', '17', true],
  ])('says of %s and %s: %s', (version, minimum, answer) => {
    expect(atLeast(version, minimum)).toBe(answer);
  });
});
