import { isAbsolute, join } from 'node:path'

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
   * What a command of `#exec` prints, with what is wrong with it or worth a warning, in words; or why there is none of it. Without it no command is run.
   */
  exec?(
    command: string,
  ):
    | { readonly output: Uint8Array; readonly error?: string | undefined; readonly warning?: string | undefined }
    | { readonly failure: string }
}

/** What to say of a file that a source does not give. */
export function unreadable(path: string, source: FileSource): string {
  return source.whyNot?.(path) ?? 'it does not exist or cannot be read'
}

/** Where a file is that an option names. @param directory what relative paths are relative to */
export function resolvePath(directory: string, path: string): string {
  return isAbsolute(path) ? path : join(directory, path)
}

/** The permission bits of a file that everyone can read; undefined for others, and where they are not known. */
export function exposedMode(path: string, source: FileSource): number | undefined {
  const mode = source.mode?.(path) ?? 0
  return (mode & 0o004) === 0 ? undefined : mode
}

/** What to say of a file that everyone can read, since it holds `what`. */
export function exposedText(what: string, mode: number): string {
  const bits = mode.toString(8).padStart(3, '0')
  return `everyone on this machine can read ${what} in it (mode ${bits}), and log in with it: chmod o= makes it safe`
}
