/** One line without its line end. */
export interface SplitLine {
  readonly text: string;
  /** Bytes that were dropped because the line was longer than the limit; 0 for a whole line. */
  readonly cutBytes: number;
}

/** Splits a stream of bytes into lines. */
export interface LineSplitter {
  /** The lines that this chunk completes. */
  push(chunk: Uint8Array): SplitLine[];
  /** The last line, when the stream ended without a line end. */
  end(): SplitLine | undefined;
}

const LINE_FEED = 0x0a;

/**
 * Text of the bytes of one line. Decoding whole lines keeps a character whole that two chunks share; bytes that are
 * not UTF-8 become U+FFFD, and so does NUL, which PostgreSQL cannot store in a text.
 */
function decode(bytes: Buffer): string {
  const text = bytes.toString('utf8').replaceAll('\0', '\uFFFD');
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}

/** A splitter that keeps at most `maxBytes` of a line, so that a program without line ends cannot fill the memory. */
export function createLineSplitter(maxBytes: number): LineSplitter {
  let parts: Buffer[] = [];
  let kept = 0;
  let cutBytes = 0;

  const keep = (bytes: Buffer): void => {
    const part = bytes.subarray(0, Math.max(0, maxBytes - kept));
    if (part.length > 0) parts.push(part);
    kept += part.length;
    cutBytes += bytes.length - part.length;
  };

  const finish = (): SplitLine => {
    let text = decode(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts));
    // The cut may have gone through a character.
    if (cutBytes > 0) text = text.replace(/\uFFFD+$/, '');
    const line = { text, cutBytes };
    parts = [];
    kept = 0;
    cutBytes = 0;
    return line;
  };

  return {
    push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const lines: SplitLine[] = [];
      let start = 0;
      for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, start)) {
        keep(bytes.subarray(start, at));
        lines.push(finish());
        start = at + 1;
      }
      if (start < bytes.length) keep(bytes.subarray(start));
      return lines;
    },
    end() {
      return kept + cutBytes === 0 ? undefined : finish();
    },
  };
}
