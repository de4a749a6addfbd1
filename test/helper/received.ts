import type { Element } from '../../src/stream/element.ts'
import { Parser } from '../../src/stream/parser.ts'

const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

/** A stanza that came in one chunk with much else, as a socket delivers it: `around` characters of it on either side. */
export function received(xml: string, around = 0): Element {
  const filler = `<filler>${'x'.repeat(around)}</filler>`
  for (const event of new Parser().write(Buffer.from(HEADER + filler + xml + filler))) {
    if (event.type === 'element' && event.element.name !== 'filler') return event.element
  }
  throw new Error(`nothing was read of ${xml}`)
}
