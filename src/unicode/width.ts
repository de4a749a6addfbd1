/**
 * Width mapping (RFC 8264 §5.2.1, RFC 5895 §2): fullwidth and halfwidth characters become what they are compatibility variants
 * of. Those left as they are, U+FFE3 and the halfwidth Hangul, would become what is refused as well.
 */
export function mapWidth(text: string): string {
  return text.replace(wideOrNarrow, char => char.normalize('NFKC'))
}

const wideOrNarrow = /[\uff01-\uff9f\uffe0-\uffe2\uffe4-\uffe6\uffe8-\uffee]/g
