/** Names that break careless code: one word, other scripts, double blanks, blanks at the edges, quotes. */
const NAMES = [
  'Ada Lovelace',
  'Plato',
  'Zoë Åström',
  '山田 太郎',
  'María José de la Cruz',
  'Ada  King  Lovelace',
  '  Grace Hopper ',
  ' Teller',
  "Conan O'Brien",
  'Иван Петрович Сидоров',
  '👩‍🚀 Sally Ride',
];

/** A name that no other call gives: a stale read cannot look like a right one. */
export function nameOf(random: () => number, serial: number): string {
  const name = NAMES[Math.floor(random() * NAMES.length)] ?? 'Plato';
  // Inside of the last word, so that one word stays one word and blanks at the end stay there.
  return name.replace(/(\S)(\s*)$/u, `$1${serial}$2`);
}

/** How the service shows a name: first word and rest with one blank between them, whatever columns it reads. */
export function shownName(name: string): string {
  return name.replaceAll(/^ +| +$/g, '').replace(/^(\S+)\s+/, '$1 ');
}
