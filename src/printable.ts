/**
 * Text from elsewhere, made fit for a log or a terminal: control characters, line breaks and everything else that could move
 * the cursor, start a new line, hide or reorder what is shown stands as `\xNN` or `\u{N}`.
 */
export function printable(text: string): string {
  return text.replace(unprintable, char => {
    const code = char.codePointAt(0) ?? 0
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

/** How a code point is called in messages: `U+00E9`. */
export function codePointName(code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}

/** A value as JSON in one line, in which the same characters stand as JSON's own `\uNNNN`: it reads back as it was. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(unprintable, char =>
    Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )
}

// C0, DEL, C1; line and paragraph separators; what is invisible or changes the direction of text, but for the two joiners that
// scripts and emoji need; what is no character at all.
const unprintable = /(?![\u200c\u200d])[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{Cs}\ufffe\uffff]/gu
