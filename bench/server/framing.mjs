/**
 * Finds the elements in what a client sends, as text of one character a byte, without making trees: a server that takes nearly no
 * time of the machine disturbs no measurement. It trusts its clients not to write `>` in attributes, comments or CDATA.
 */
export class Framing {
  #text = ''
  /** Where in the text to go on, and where the element began that is not complete yet. */
  #at = 0
  #begin = -1
  #depth = 0
  #handlers

  /** @param handlers `{ header(text), element(text), end() }` */
  constructor(handlers) {
    this.#handlers = handlers
  }

  push(chunk) {
    const text = this.#text + chunk
    let at = this.#at
    for (;;) {
      const open = text.indexOf('<', at)
      if (open < 0) {
        at = text.length
        break
      }
      const close = text.indexOf('>', open)
      if (close < 0) {
        at = open
        break
      }
      at = close + 1
      this.#tag(text, open, at)
    }
    const keep = this.#begin >= 0 ? this.#begin : at
    this.#text = text.slice(keep)
    this.#at = at - keep
    if (this.#begin >= 0) this.#begin = 0
  }

  #tag(text, open, end) {
    const first = text.charCodeAt(open + 1)
    if (first === QUESTION) return
    if (first === SLASH) {
      this.#depth--
      if (this.#depth === 1) {
        const begin = this.#begin
        this.#begin = -1
        this.#handlers.element(text.slice(begin, end))
      } else if (this.#depth <= 0) {
        this.#depth = 0
        this.#handlers.end()
      }
    } else if (text.startsWith('<stream:stream', open)) {
      // Also a restart, which no end tag comes before.
      this.#depth = 1
      this.#handlers.header(text.slice(open, end))
    } else if (text.charCodeAt(end - 2) === SLASH) {
      if (this.#depth === 1) this.#handlers.element(text.slice(open, end))
    } else {
      if (this.#depth === 1) this.#begin = open
      this.#depth++
    }
  }
}

const QUESTION = 63
const SLASH = 47

/** The value of an attribute of the first tag, '' without one. */
export function attribute(text, name) {
  const match = new RegExp(`[ ]${name}=(?:'([^']*)'|"([^"]*)")`).exec(text)
  return match === null ? '' : (match[1] ?? match[2])
}

/** The text of the first element of that name, which has no children. */
export function textOf(text, name) {
  return new RegExp(`<${name}(?: [^>]*)?>([^<]*)<`).exec(text)?.[1] ?? ''
}
