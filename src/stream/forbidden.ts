/** What XML has and XMPP has not (RFC 6120 §11.1), by what it begins with. */
export type Forbidden = '<!--' | '<?' | '<!'

/**
 * Finds the end of something forbidden that has been reported, for whoever wants to read on behind it. In a document type declaration
 * literals, comments, instructions and the internal subset may hold a `>` that does not end it (XML 1.0 §2.8).
 */
export class ForbiddenReader {
  /** What is being read, the declaration with what stands in it. */
  #what: Forbidden
  readonly #inDtd: boolean
  /** The last characters, at most three, which may begin or end something. */
  #last = ''
  /** The quote that ends the literal being read. */
  #quote = ''
  #brackets = 0

  constructor(what: Forbidden) {
    this.#what = what
    this.#inDtd = what === '<!'
  }

  /** The offset behind its end, undefined when the text ends first. */
  read(text: string, from: number): number | undefined {
    for (let at = from; at < text.length; at++) {
      if (this.#endsWith(text[at] as string)) return at + 1
    }
    return undefined
  }

  /** Takes one more character; true when it is the last. */
  #endsWith(char: string): boolean {
    const last = this.#last + char
    this.#last = last.slice(-3)
    if (this.#what !== '<!') {
      if (!last.endsWith(this.#what === '<?' ? '?>' : '-->')) return false
      this.#what = '<!'
      this.#last = ''
      return !this.#inDtd
    }
    if (this.#quote !== '') {
      if (char === this.#quote) this.#quote = ''
    } else if (char === '"' || char === "'") this.#quote = char
    else if (last.endsWith('<!--') || last.endsWith('<?')) {
      this.#what = last.endsWith('?') ? '<?' : '<!--'
      this.#last = ''
    } else if (char === '[') this.#brackets++
    else if (char === ']') this.#brackets--
    return char === '>' && this.#quote === '' && this.#brackets <= 0
  }
}
