/** Where files come from; this layer opens none itself. */
export interface FileSource {
  /** The bytes of a file, or undefined when there is none (or it cannot be read). */
  read(path: string): Uint8Array | undefined
  /** The paths that match a glob pattern, in the order in which they shall be read. See `expandGlob`. */
  glob(pattern: string): string[]
}
