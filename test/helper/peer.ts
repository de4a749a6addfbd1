import type { Duplex } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import sax from 'sax'
import { Waiters } from './waiters.ts'

/** An element as the other side understands it, for comparing: attributes by expanded name, declarations left out. */
export interface Node {
  readonly name: string
  readonly ns: string
  readonly attrs: Record<string, string>
  readonly children: (Node | string)[]
}

/** What the other side has sent next. */
export type Got =
  /** `ns` is the default namespace. */
  | { readonly type: 'open'; readonly node: Node; readonly ns: string }
  | { readonly type: 'element'; readonly node: Node }
  | { readonly type: 'close' }
  | { readonly type: 'eof' }

export const NS_STREAM = 'http://etherx.jabber.org/streams'

/**
 * The other end of a stream, as independent of the code under test as may be: sax resolves the namespaces, and a restarted
 * stream is told by its header.
 */
export class Peer {
  readonly duplex: Duplex
  /** Everything that has arrived, as it came: one entry per write of the other side. */
  readonly chunks: Buffer[] = []
  /** The default namespace of the stream. */
  ns = 'jabber:client'
  /** Answers what is no part of a dialogue; undefined for what is. */
  onAside: ((node: Node) => string | undefined) | undefined
  #text = ''
  #ended = false
  readonly #waiters = new Waiters()
  #cutter = new Cutter()

  constructor(duplex: Duplex) {
    this.duplex = duplex
    const decoder = new StringDecoder('utf8')
    const ended = (): void => {
      this.#ended = true
      this.#waiters.wake()
    }
    duplex
      .on('error', () => {})
      .on('end', ended)
      .on('close', ended)
    duplex.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk)
      this.#text += decoder.write(chunk)
      this.#waiters.wake()
    })
  }

  write(data: string | Uint8Array): void {
    this.duplex.write(data)
  }

  /** The next header, element, close tag or end of the connection. */
  next(): Promise<Got> {
    const look = (): Got | undefined => this.#cut() ?? (this.#ended ? { type: 'eof' } : undefined)
    return this.#waiters.until(look, () => 'nothing came')
  }

  /** What has arrived and was not asked for, undefined when there is nothing. */
  get unread(): string | undefined {
    const got = this.onAside === undefined ? undefined : this.#cut()
    if (got !== undefined) return show(got)
    return this.#text === '' ? undefined : this.#text
  }

  #cut(): Got | undefined {
    for (;;) {
      const { got, rest } = this.#cutter.cut(this.#text)
      this.#text = rest
      if (got?.type === 'open') this.ns = got.ns
      const answer = got?.type === 'element' ? this.onAside?.(got.node) : undefined
      if (answer === undefined) return got
      this.write(answer)
    }
  }
}

/** Cuts a stream's text into its header, top-level elements and close tag, a character at a time. */
class Cutter {
  #parser: sax.SAXParser | undefined
  #open: Node[] = []
  #got: Got | undefined

  cut(text: string): { got: Got | undefined; rest: string } {
    let at = 0
    if (this.#open.length <= 1) {
      while (/\s/.test(text[at] ?? '')) at++
      const start = text.slice(at)
      for (const head of ['<?xml', '<stream:stream']) {
        if (start.startsWith(head)) {
          if (this.#parser === undefined || this.#open.length === 1) this.#restart()
        } else if (start.length < head.length && head.startsWith(start)) return { got: undefined, rest: text }
      }
    }
    if (this.#parser === undefined) this.#restart()
    while (at < text.length && this.#got === undefined) this.#parser?.write(text[at++] as string)
    const got = this.#got
    this.#got = undefined
    return { got, rest: text.slice(at) }
  }

  #restart(): void {
    const parser = sax.parser(true, { xmlns: true, strictEntities: true } as sax.SAXOptions)
    this.#parser = parser
    this.#open = []
    parser.onerror = error => {
      throw error
    }
    parser.onopentag = tag => {
      const { local, uri, attributes, ns } = tag as sax.QualifiedTag
      const attrs: Record<string, string> = {}
      for (const { prefix, local, uri, value, name } of Object.values(attributes)) {
        if (prefix === 'xmlns' || name === 'xmlns') continue
        attrs[prefix === '' ? local : prefix === 'xml' ? name : `{${uri}}${local}`] = value
      }
      const node: Node = { name: local, ns: uri, attrs, children: [] }
      this.#open.at(-1)?.children.push(node)
      this.#open.push(node)
      if (this.#open.length === 1) this.#got = { type: 'open', node, ns: ns[''] ?? '' }
    }
    parser.ontext = text => this.#chars(text)
    parser.oncdata = text => this.#chars(text)
    parser.onclosetag = () => {
      const node = this.#open.pop() as Node
      if (this.#open.length === 1) this.#got = { type: 'element', node }
      else if (this.#open.length === 0) {
        this.#got = { type: 'close' }
        this.#parser = undefined
      }
    }
  }

  #chars(text: string): void {
    const children = this.#open.at(-1)?.children
    if (children === undefined || this.#open.length === 1) return
    const last = children.length - 1
    if (typeof children[last] === 'string') children[last] += text
    else children.push(text)
  }
}

/** Reads one piece of a transcript: a header, an element in the default namespace `ns`, or the close tag. */
export function readXml(text: string, ns: string): Got {
  const cutter = new Cutter()
  const header = /^(<\?xml[^>]*>)?\s*<stream:stream/.test(text)
  if (!header) cutter.cut(`<stream:stream xmlns='${ns}' xmlns:stream='${NS_STREAM}'>`)
  const { got, rest } = cutter.cut(text)
  if (got === undefined || rest.trim() !== '') throw new Error(`not one header, element or close tag: ${text}`)
  return got
}

/** A node as text: canonical, for messages and for `equal`. */
export function show(got: Got | Node | string): string {
  if (typeof got === 'string') return got.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  if ('type' in got) {
    if (got.type === 'close') return '</stream:stream>'
    if (got.type === 'eof') return '{eof}'
    const text = show(got.node)
    return got.type === 'open' ? `${text.replace(/\/>$/, '>')} (content in ${got.ns})` : text
  }
  const attrs = Object.entries(got.attrs).sort(([a], [b]) => (a < b ? -1 : 1))
  const tag = [`${got.name} xmlns='${got.ns}'`, ...attrs.map(([name, value]) => `${name}='${show(value)}'`)].join(' ')
  return got.children.length === 0 ? `<${tag}/>` : `<${tag}>${got.children.map(show).join('')}</${got.name}>`
}
