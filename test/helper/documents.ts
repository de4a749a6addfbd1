import type { Random } from './random.ts'

/** A tree to compare; nothing of the code under test decides what is equal. */
export interface Tree {
  readonly name: string
  readonly ns: string
  /** By expanded name: `local`, or `{namespace}local`. */
  readonly attrs: readonly (readonly [name: string, value: string])[]
  readonly children: readonly (Tree | string)[]
}

/** A well-formed element as text, and what a reader must make of it. */
export interface Sample {
  readonly xml: string
  readonly tree: Tree
}

/** What sax does not read as XML 1.0 has it, to be left out where it is to agree. */
export interface Dialect {
  /** Line ends other than LF in text, white space other than spaces in values. */
  readonly whiteSpace: boolean
  /** Characters beyond U+FFFF in names. */
  readonly astralNames: boolean
}

const names = [
  'a',
  'message',
  'x-y',
  'b.c',
  '_',
  'été',
  '名前',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'xmlnsx',
  'xmlish',
  'n1',
]
const astral = ['\u{20000}', 'a\u{10400}b']
const namespaces = ['urn:a', 'jabber:client', 'http://example.com/?a=1&b=2', 'urn:ü', "it's", 'urn:{brace}']
const texts = [
  '',
  ' ',
  'hello',
  ']]',
  '>',
  'ü€',
  '\u{1f339}',
  '\ufeff',
  '\u00a0\u0085\u2028',
  '\ufffd',
  'tab\there',
  'x'.repeat(60),
]

/** A random element in a scope where these prefixes, and this default namespace, are declared. */
export function sample(
  random: Random,
  dialect: Dialect,
  defaultNs = 'jabber:client',
  depth = 0,
  outer = new Map<string, string>(),
): Sample {
  const allNames = dialect.astralNames ? [...names, ...astral] : names
  const scope = new Map(outer)
  const attrs = new Map<string, string>()
  const parts: string[] = []
  let ns = defaultNs
  if (random.chance(0.3)) {
    ns = random.pick([...namespaces, ''])
    parts.push(attribute(random, 'xmlns', ns))
  }
  for (const prefix of random.some(2, () => random.pick(allNames))) {
    if (parts.some(part => part.startsWith(`xmlns:${prefix}=`))) continue
    const uri = random.pick(namespaces)
    scope.set(prefix, uri)
    parts.push(attribute(random, `xmlns:${prefix}`, uri))
  }
  const prefixes = [...scope.keys()]
  const prefix = prefixes.length > 0 && random.chance(0.3) ? random.pick(prefixes) : undefined
  const local = random.pick(allNames)
  const qname = prefix === undefined ? local : `${prefix}:${local}`

  for (const name of random.some(4, () => random.pick(allNames))) {
    const attributePrefix = prefixes.length > 0 && random.chance(0.3) ? random.pick(prefixes) : undefined
    const expanded = attributePrefix === undefined ? name : `{${scope.get(attributePrefix)}}${name}`
    if (attrs.has(expanded)) continue
    const written = attributePrefix === undefined ? name : `${attributePrefix}:${name}`
    const value = random.some(3, () => random.pick(texts)).join('')
    const { xml, value: read } = writing(random, value, dialect, true)
    attrs.set(expanded, read)
    const quote = xml.includes("'") ? '"' : xml.includes('"') ? "'" : random.pick(["'", '"'])
    parts.push(`${written}${space(random, 0)}=${space(random, 0)}${quote}${xml}${quote}`)
  }
  shuffle(random, parts)

  const children: (Tree | string)[] = []
  let inner = ''
  for (let left = depth > 3 ? 0 : random.under(4); left > 0; left--) {
    if (random.chance(0.5)) {
      const child = sample(random, dialect, ns, depth + 1, scope)
      inner += child.xml
      children.push(child.tree)
    } else {
      const { xml, value } = writing(random, random.some(3, () => random.pick(texts)).join(''), dialect, false)
      inner += xml
      if (value === '') continue
      if (typeof children.at(-1) === 'string') children.push((children.pop() as string) + value)
      else children.push(value)
    }
  }
  const start = `<${qname}${parts.map(part => space(random, 1) + part).join('')}${space(random, 0)}`
  const xml = inner === '' && random.chance(0.5) ? `${start}/>` : `${start}>${inner}</${qname}${space(random, 0)}>`
  const elementNs = prefix === undefined ? ns : (scope.get(prefix) as string)
  return { xml, tree: { name: local, ns: elementNs, attrs: [...attrs].sort(byName), children } }
}

export function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function attribute(random: Random, name: string, value: string): string {
  const escaped = value.replaceAll('&', '&amp;').replaceAll("'", random.pick(['&apos;', '&#39;', '&#x27;']))
  return `${name}='${escaped}'`
}

/** A text in one of the many ways to write it, and what is read of it. */
function writing(random: Random, text: string, dialect: Dialect, inValue: boolean): { xml: string; value: string } {
  let xml = ''
  let value = ''
  for (const char of text) {
    const code = char.codePointAt(0) as number
    // A tab in a value is read as a space.
    const tab = inValue && char === '\t'
    if (random.chance(0.15) || (tab && !dialect.whiteSpace)) {
      xml += random.pick([
        `&#${code};`,
        `&#x${code.toString(16)};`,
        `&#x000${code.toString(16).toUpperCase()};`,
        `&#00${code};`,
      ])
      value += char
    } else if (!inValue && random.chance(0.1)) {
      xml += `<![CDATA[${char}]]>`
      value += char
    } else {
      xml += char === '>' ? '&gt;' : char
      value += tab ? ' ' : char
    }
  }
  if (random.chance(0.3)) {
    const [entity, char] = random.pick([
      ['&lt;', '<'],
      ['&gt;', '>'],
      ['&amp;', '&'],
      ['&quot;', '"'],
      ['&apos;', "'"],
    ] as const)
    xml += entity
    value += char
  }
  if (!inValue && random.chance(0.1)) {
    xml += '<![CDATA[<&>]] ]>]]]>'
    value += '<&>]] ]>]'
  }
  if (dialect.whiteSpace && random.chance(0.3)) {
    const end = random.pick(['\r\n', '\r', '\n', '\r\r\n', '\n\r', '\r\n\r\n', '\t'])
    const lines = end.replaceAll(/\r\n?/g, '\n')
    xml += end
    value += inValue ? lines.replaceAll(/[\n\t]/g, ' ') : lines
  }
  return { xml, value }
}

function space(random: Random, least: number): string {
  return ' \t\n\r '.slice(0, Math.max(least, random.chance(0.8) ? 0 : random.under(5)))
}

function shuffle<T>(random: Random, list: T[]): void {
  for (let at = list.length - 1; at > 0; at--) {
    const other = random.under(at + 1)
    ;[list[at], list[other]] = [list[other] as T, list[at] as T]
  }
}
