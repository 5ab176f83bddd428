/** A text with some places replaced, each of them wherever it stands. Throws when one of them is not there. */
export function edited(text: string, places: Readonly<Record<string, string>>): string {
  return Object.entries(places).reduce((now, [from, to]) => {
    if (!now.includes(from)) throw new Error(`there is no "${from}" in: ${now}`);
    return now.replaceAll(from, () => to);
  }, text);
}

/** The fenced blocks of a language in a page. */
export const blocksOf = (page: string, language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, text]) => text ?? '');
