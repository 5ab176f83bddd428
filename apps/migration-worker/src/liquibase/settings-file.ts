/**
 * Liquibase's settings of one call as a properties file: changelog parameters go there and not into arguments, which every
 * user of the machine can read. Being given, it also keeps Liquibase from reading a `liquibase.properties` that lies around.
 */
export function settingsFile(parameters: Readonly<Record<string, string>>): string {
  const lines = Object.entries(parameters).map(([name, value]) => `parameter.${escapeKey(name)}=${escapeValue(value)}`);
  return ['# Written for one call and removed after it.', ...lines, ''].join('\n');
}

/** Escapes of Java's properties format, in ASCII. */
function escapeValue(text: string): string {
  return text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\r', String.raw`\r`)
    .replaceAll('\t', String.raw`\t`)
    .replaceAll(/^ /g, String.raw`\ `)
    .replaceAll(/[^\x20-\x7e]/g, (char) => String.raw`\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function escapeKey(text: string): string {
  return escapeValue(text).replaceAll(/[ :=#!]/g, String.raw`\$&`);
}
