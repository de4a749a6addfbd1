import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { settled } from './pair.ts'
import { type Got, type Node, Peer, readXml, show } from './peer.ts'

/** How a transcript is played. */
export interface PlayOptions {
  /** Which side is played. Default `server`. */
  readonly as?: 'server' | 'client'
  /** Values for `{word}` known beforehand. */
  readonly words?: Readonly<Record<string, string>> | Map<string, string>
  /** The wire was read by this peer before. */
  readonly peer?: Peer
}

/**
 * Plays a transcript, a dialogue in a text file below test/transcript.
 *
 * - `C:` is what the client (or component) sends, `S:` the server. The side that is played writes its lines as they stand
 *   and waits for each of the other's, which are compared as parsed XML: quoting, prefixes and the order of attributes do not
 *   matter. White space between elements does, so an indented line goes on with the line above it and leaves no trace.
 * - `{any}` as an attribute's value or as all the text of an element matches anything. `{word}` matches anything the first
 *   time and stands for that from then on, in lines of both sides.
 * - `</stream:stream>` is the close tag, `{eof}` the end of that side's connection, `{cut}` an abrupt end of it.
 * - `#` begins a comment.
 */
export async function play(duplex: Duplex, name: string, options: PlayOptions = {}): Promise<Peer> {
  const text = readFileSync(new URL(`../transcript/${name}`, import.meta.url), 'utf8')
  return playText(duplex, text, name, options)
}

/** Plays a dialogue that is short enough to stand in the test. Its first line has the number 1 in messages. */
export async function playText(
  duplex: Duplex,
  text: string,
  name = 'dialogue',
  { as = 'server', words: known = {}, peer = new Peer(duplex) }: PlayOptions = {},
): Promise<Peer> {
  const words = known instanceof Map ? known : new Map(Object.entries(known))
  const own = as === 'server' ? 'S' : 'C'
  let ns = peer.ns
  try {
    for (const { side, line, content } of parse(text, name)) {
      if (side === own) {
        perform(duplex, content, words)
        continue
      }
      let got: Got
      try {
        got = await peer.next()
      } catch (error) {
        throw new Error(`${name}:${line}: wanted ${content}, got nothing: ${(error as Error).message}`)
      }
      if (got.type === 'open') ns = got.ns
      const wanted: Got = content === '{eof}' ? { type: 'eof' } : readXml(content, ns)
      const why = differs(wanted, got, words)
      if (why !== undefined) {
        throw new Error(`${name}:${line}: ${why}\n  wanted ${show(wanted)}\n  got    ${show(got)}`)
      }
    }
    await settled()
    if (peer.unread !== undefined) throw new Error(`${name}: the other side sent more: ${peer.unread}`)
  } catch (error) {
    // The other side must not wait for the rest of a dialogue that has failed.
    duplex.destroy()
    throw error
  }
  return peer
}

interface Line {
  readonly side: string
  readonly line: number
  content: string
}

function parse(text: string, name: string): Line[] {
  const lines: Line[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const last = lines.at(-1)
    if (raw.trim() === '' || raw.trimStart().startsWith('#')) continue
    const match = /^([CS]): ?(.*)$/.exec(raw)
    if (match !== null)
      lines.push({ side: match[1] as string, line: index + 1, content: (match[2] as string).trimEnd() })
    else if (/^\s/.test(raw) && last !== undefined) {
      const more = raw.trim()
      last.content += last.content.endsWith('>') || more.startsWith('<') || last.content === '' ? more : ` ${more}`
    } else throw new Error(`${name}:${index + 1}: neither C: nor S: nor a line that goes on: ${raw}`)
  }
  return lines
}

function perform(duplex: Duplex, content: string, words: Map<string, string>): void {
  if (content === '{eof}') duplex.end()
  else if (content === '{cut}') duplex.destroy()
  else duplex.write(content.replace(WORD, (whole, word: string) => words.get(word) ?? whole))
}

const WORD = /\{([a-z][a-z0-9]*)\}/g
const ONE_WORD = /^\{([a-z][a-z0-9]*)\}$/

/** Why they differ, undefined when they do not. Words that match for the first time are remembered. */
function differs(wanted: Got, got: Got, words: Map<string, string>): string | undefined {
  if (wanted.type !== got.type) return `wanted ${wanted.type}, got ${got.type}`
  if (wanted.type === 'open' && got.type === 'open') {
    if (wanted.ns !== got.ns) return `the stream's content is in ${got.ns}`
    return nodesDiffer(wanted.node, got.node, words)
  }
  if (wanted.type === 'element' && got.type === 'element') return nodesDiffer(wanted.node, got.node, words)
  return undefined
}

function nodesDiffer(wanted: Node, got: Node, words: Map<string, string>): string | undefined {
  if (wanted.name !== got.name || wanted.ns !== got.ns) return `<${got.name} xmlns='${got.ns}'>`
  for (const name of new Set([...Object.keys(wanted.attrs), ...Object.keys(got.attrs)])) {
    const [left, right] = [wanted.attrs[name], got.attrs[name]]
    if (left === undefined || right === undefined || !matches(left, right, words)) {
      return `attribute ${name} of <${got.name}> is ${right ?? 'missing'}`
    }
  }
  const [only] = wanted.children
  if (wanted.children.length === 1 && typeof only === 'string' && ONE_WORD.test(only)) {
    const text = got.children.length === 0 ? '' : got.children[0]
    if (got.children.length <= 1 && typeof text === 'string' && matches(only, text, words)) return undefined
    return `content of <${got.name}>`
  }
  if (wanted.children.length !== got.children.length) return `content of <${got.name}>`
  for (const [index, left] of wanted.children.entries()) {
    const right = got.children[index] as Node | string
    if (typeof left === 'string' || typeof right === 'string') {
      if (typeof left !== typeof right || !matches(left as string, right as string, words))
        return `text of <${got.name}>`
      continue
    }
    const why = nodesDiffer(left, right, words)
    if (why !== undefined) return why
  }
  return undefined
}

function matches(wanted: string, got: string, words: Map<string, string>): boolean {
  const word = ONE_WORD.exec(wanted)?.[1]
  if (word === undefined) return wanted.replace(WORD, (whole, known: string) => words.get(known) ?? whole) === got
  if (word === 'any') return true
  const known = words.get(word)
  if (known === undefined) words.set(word, got)
  return known === undefined || known === got
}
