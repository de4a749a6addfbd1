import { StringDecoder } from 'node:string_decoder'

/** Trees of the kind that a client works with: name, namespace where the reader knows it, attributes, children. */
class Builder {
  constructor(onStanza) {
    this.onStanza = onStanza
    this.open = []
  }

  start(name, ns, attrs) {
    const element = { name, ns, attrs, children: [] }
    // The root is no stanza, and its children are not kept.
    if (this.open.length > 1) this.open.at(-1).children.push(element)
    this.open.push(element)
  }

  text(text) {
    if (this.open.length > 1) this.open.at(-1).children.push(text)
  }

  end() {
    const element = this.open.pop()
    if (this.open.length === 1) this.onStanza(element)
  }
}

function decoded(write) {
  const decoder = new StringDecoder('utf8')
  return bytes => write(decoder.write(bytes))
}

function ours(options) {
  return async onStanza => {
    const { Parser } = await import('../../dist/stream/index.js')
    const parser = new Parser(options)
    return bytes => {
      parser.push(bytes)
      for (let event = parser.next(); event !== undefined; event = parser.next()) {
        if (event.type === 'element') onStanza(event.element)
      }
    }
  }
}

function sax(options) {
  return async onStanza => {
    const { default: sax } = await import('sax')
    const builder = new Builder(onStanza)
    const parser = sax.parser(true, { strictEntities: true, ...options })
    parser.onopentag = ({ name, uri, attributes }) => {
      const attrs = {}
      for (const key of Object.keys(attributes)) attrs[key] = options.xmlns ? attributes[key].value : attributes[key]
      builder.start(name, uri, attrs)
    }
    parser.ontext = text => builder.text(text)
    parser.onclosetag = () => builder.end()
    parser.onerror = error => {
      throw error
    }
    return decoded(text => parser.write(text))
  }
}

async function saxes(onStanza) {
  const { SaxesParser } = await import('saxes')
  const builder = new Builder(onStanza)
  const parser = new SaxesParser({ xmlns: true })
  parser.on('opentag', ({ local, uri, attributes }) => {
    const attrs = {}
    for (const key of Object.keys(attributes)) attrs[key] = attributes[key].value
    builder.start(local, uri, attrs)
  })
  parser.on('text', text => builder.text(text))
  parser.on('closetag', () => builder.end())
  parser.on('error', error => {
    throw error
  })
  return decoded(text => parser.write(text))
}

async function ltx(onStanza) {
  // ltx's own tree builder joins and copies more than others do; its tokenizer with the same builder as theirs is the quicker rival.
  const { default: Tokenizer } = await import('ltx/src/parsers/ltx.js')
  const builder = new Builder(onStanza)
  const tokenizer = new Tokenizer()
  tokenizer.on('startElement', (name, attrs) => builder.start(name, undefined, attrs))
  tokenizer.on('text', text => builder.text(text))
  tokenizer.on('endElement', () => builder.end())
  return decoded(text => tokenizer.write(text))
}

async function xmppjs(onStanza) {
  // It builds its trees itself, of ltx's elements.
  const { default: Parser } = await import('@xmpp/xml/lib/Parser.js')
  const parser = new Parser()
  parser.on('element', onStanza)
  parser.on('error', error => {
    throw error
  })
  return decoded(text => parser.write(text))
}

async function stanza(onStanza) {
  const { default: jxt } = await import('stanza/jxt/Parser.js')
  const builder = new Builder(onStanza)
  const parser = new jxt.default({ allowComments: false })
  parser.on('startElement', (name, attrs) => builder.start(name, undefined, attrs))
  parser.on('text', text => builder.text(text))
  parser.on('endElement', () => builder.end())
  parser.on('error', error => {
    throw error
  })
  return decoded(text => parser.write(text))
}

/** By name: given what to do with each stanza, a function to write bytes to. */
export const readers = {
  'res-xmpp': ours({}),
  'res-xmpp, tokenizer: sax': ours({ tokenizer: 'sax' }),
  'ltx (no namespaces, no checks)': ltx,
  '@xmpp/xml (ltx, no namespaces, no checks)': xmppjs,
  'saxes, namespaces': saxes,
  'sax, namespaces': sax({ xmlns: true }),
  'stanza (no namespaces)': stanza,
  'sax, position: false, no namespaces': sax({ position: false }),
}
