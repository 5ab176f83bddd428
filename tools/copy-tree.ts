import { copyFileSync, linkSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Options of {@link copyTree}. */
export interface CopyOptions {
  /** Whether a file or folder, named from the source, is taken. */
  readonly accepts: (path: string) => boolean;
  /**
   * Hard links in place of copies: at once, and no space. For trees that are thrown away, on the same file system;
   * elsewhere the files are copied.
   */
  readonly link: boolean;
}

/** Copies a folder. Symbolic links stay as they are. */
export function copyTree(from: string, to: string, options: CopyOptions, inside = ''): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const path = inside === '' ? entry.name : `${inside}/${entry.name}`;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (!options.accepts(path)) continue;
    if (entry.isDirectory()) copyTree(source, target, options, path);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else if (entry.isFile()) copyFile(source, target, options.link);
  }
}

/** Copies, or links where that was asked for and can be. */
export function copyFile(from: string, to: string, link: boolean): void {
  if (link) {
    try {
      linkSync(from, to);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && (error.code === 'EXDEV' || error.code === 'EPERM')))
        throw error;
    }
  }
  copyFileSync(from, to);
}
