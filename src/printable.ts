/**
 * Text from elsewhere, made fit for a log or a terminal: control characters, line breaks and everything else that could move
 * the cursor, start a new line or reorder what is shown stands as `\xNN` or `\u{N}`.
 */
export function printable(text: string): string {
  return text.replace(unprintable, char => {
    const code = char.codePointAt(0) ?? 0
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

// C0, DEL, C1; line and paragraph separators; marks that change the direction of text; what is no character at all.
const unprintable =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff]|\p{Surrogate}/gu
