/** Where files come from; this layer opens none itself. */
export interface FileSource {
  /** The bytes of a file, or undefined when there is none (or it cannot be read). */
  read(path: string): Uint8Array | undefined
  /** Why `read()` has nothing to give, in words; asked only then. */
  whyNot?(path: string): string | undefined
  /** The permission bits of a file, such as 0o640; undefined where they are not known. */
  mode?(path: string): number | undefined
  /** The paths that match a glob pattern, in the order in which they shall be read. See `expandGlob`. */
  glob(pattern: string): string[]
  /**
   * Runs a command of `#exec` and returns what it printed, or why there is nothing, in words. Without it `#exec` is refused: a file is not
   * expected to run programs.
   */
  exec?(command: string): { readonly output: Uint8Array; readonly warning?: string } | { readonly error: string }
}

/** What to say of a file that a source does not give. */
export function unreadable(path: string, source: FileSource): string {
  return source.whyNot?.(path) ?? 'it does not exist or cannot be read'
}
