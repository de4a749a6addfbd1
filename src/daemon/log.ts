import { printable } from '../printable.ts'

/** How much a line matters. */
export type Level = 'DEBUG' | 'NOTICE' | 'WARNING' | 'ERROR'

/** Where a log goes and what its lines begin with. */
export interface LogOptions {
  /** Takes one line, or one dump of several, with its line end. */
  readonly write: (text: string) => void
  /** A time before each line. */
  readonly timestamps: boolean
  readonly now?: () => Date
}

/** Characters of one line's text. Peers' words stand in some, and they may be as long as a stanza. */
const LONGEST = 2000

/** The daemon's log: a line an event. Nothing gets into it that could forge a line or move a terminal's cursor. */
export class Log {
  readonly #options: LogOptions

  constructor(options: LogOptions) {
    this.#options = options
  }

  /** `about` is an account's name. */
  line(level: Level, text: string, about?: string): void {
    const { timestamps, now = () => new Date(), write } = this.#options
    const time = timestamps ? `${now().toISOString()} ` : ''
    const name = about === undefined ? '' : `[${printable(about)}] `
    const more = text.length - LONGEST
    const shown = more > 0 ? `${printable(text.slice(0, LONGEST))}… (${more} characters more)` : printable(text)
    write(`${time}${level} ${name}${shown}\n`)
  }

  /** A stanza in the form of Asterisk's `xmpp set debug`. */
  stanza(direction: 'in' | 'out', account: string, xml: string): void {
    const what = direction === 'in' ? 'received from' : 'sent to'
    this.#options.write(`<--- XMPP ${what} '${printable(account)}' --->\n${printable(xml)}\n<------------->\n`)
  }
}
