/** A line that grows beyond this is given in pieces. All outputs of a stack come in one line. */
export const MOST_LINE_CHARS = 16 * 1024 * 1024;

/** A line in plain text, or a message, may be a whole document that the tool could not send elsewhere. */
export const LONGEST_TEXT = 4_000;

/** A text of at most so many characters, with a mark where it was cut. */
export const cut = (text: string, length = LONGEST_TEXT): string =>
  text.length > length ? `${text.slice(0, length - 3)}...` : text;
