/** XEP-0131 Stanza Headers and Internet Metadata, version 1.2. */
import { type Element, el } from '../stream/element.ts'

export const NS_SHIM = 'http://jabber.org/protocol/shim'

/** One header; there may be several of one name. */
export interface Header {
  readonly name: string
  readonly value: string
}

/** The headers of a stanza (§2); what has no name is left out. */
export function readHeaders(stanza: Element): Header[] {
  const headers = stanza.child('headers', NS_SHIM)?.elements ?? []
  return headers.flatMap(header => {
    const { name } = header.attrs
    return header.is('header', NS_SHIM) && name ? [{ name, value: header.text }] : []
  })
}

/** What adds headers to a stanza. */
export function headersElement(headers: readonly Header[]): Element {
  return el('headers', NS_SHIM, {}, ...headers.map(({ name, value }) => el('header', NS_SHIM, { name }, value)))
}
