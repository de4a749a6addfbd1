import type { AccountConfig } from '../config/account.ts'
import { NS_SASL, NS_SASL2 } from '../negotiate/sasl.ts'
import { NS_BIND2 } from '../negotiate/sasl2.ts'
import { type Hide, hideInElement, hiding, MASK } from '../secret-forms.ts'
import { type Attrs, type Element, el } from '../stream/element.ts'
import { NS_STREAM } from '../stream/namespaces.ts'
import type { Direction } from '../stream/stream.ts'
import { NS_SM } from '../stream-management.ts'

/** Of SASL (RFC 6120 §6) and XEP-0388: all character data is an exchange of credentials. */
const saslNamespaces = new Set([NS_SASL, NS_SASL2])

/** Elements of these namespaces that carry names of mechanisms, words for people, or who is who; and below which parent they do. */
const publicSasl: Readonly<Record<string, readonly string[]>> = {
  mechanism: ['mechanisms', 'authentication'],
  text: ['failure'],
  software: ['user-agent'],
  'authorization-identifier': ['success'],
}

/** Attributes of theirs that are no secrets, and of which elements; Google's of X-OAUTH2 is written with a prefix. */
const publicSaslAttrs: Readonly<Record<string, readonly string[]>> = {
  mechanism: ['auth', 'authenticate'],
  '{http://www.google.com/talk/protocol/auth}auth:service': ['auth', 'authenticate'],
  '{http://www.google.com/talk/protocol/auth}service': ['auth', 'authenticate'],
  id: ['user-agent'],
  'xml:lang': ['text'],
}

/** What may be asked for inside a login (XEP-0386, XEP-0198), its attributes; of its texts only the resource's name. */
const inlineNamespaces = new Set([NS_BIND2, NS_SM])

/** Elements and attributes that are secrets whatever their namespace: of XEP-0114, XEP-0078, XEP-0077, XEP-0484, OAuth. */
const secretNames = new Set(['handshake', 'password', 'digest', 'secret', 'token', 'refresh_token', 'access_token'])

/** Fields of forms (XEP-0004) whose values are secrets; what is submitted need not repeat the type. */
const secretField = /password|secret|token/i

/** The secrets of a configuration. */
export function configured({ secret, refresh_token, oauth_secret }: AccountConfig): readonly (string | undefined)[] {
  return [secret, refresh_token, oauth_secret]
}

/**
 * The element with everything masked that could be, or could be turned into, a password.
 * @param onMasked is told of each text and attribute that was masked
 */
export function maskSecrets(element: Element, onMasked?: (text: string) => void): Element {
  const cover = (text: string): string => {
    if (text === '') return text
    onMasked?.(text)
    return MASK
  }
  return mask(element, undefined, false, cover)
}

/** How many texts, and of how many characters, {@link Dump} remembers. */
const REMEMBERED = 16
const LONGEST = 16_384
/** A room's password that is a word, or the little that some mechanisms say, would mask what has nothing to do with it. */
const SHORTEST = 8

const unchanged: Hide = text => text

/** What is written down of what goes over the wire: without secrets, and without what a server repeats of them. */
export class Dump {
  readonly #hideSecrets: Hide
  /** What was masked of what we have sent: digests and the like, which no configuration holds. The last ones. */
  #sent: readonly string[] = []
  #hideSent: Hide = hiding([])

  /** @param hideSecrets hides what is known beforehand */
  constructor(hideSecrets: Hide) {
    this.#hideSecrets = hideSecrets
  }

  write(direction: Direction, element: Element): string {
    const ours = direction === 'out'
    const masked = maskSecrets(element, ours ? text => this.#remember(text) : undefined)
    // Of what we say only an error quotes the peer.
    const quoted = !ours || element.is('error', NS_STREAM)
    return `${hideInElement(masked, text => (quoted ? this.#hideSent : unchanged)(this.#hideSecrets(text)))}`
  }

  #remember(text: string): void {
    if (text.length < SHORTEST || text.length > LONGEST || this.#sent.includes(text)) return
    this.#sent = [...this.#sent, text].slice(-REMEMBERED)
    this.#hideSent = hiding([], this.#sent)
  }
}

/** What stands inside a secret is part of it. */
function mask(element: Element, parent: Element | undefined, inside: boolean, cover: Hide): Element {
  const { name, ns, attrs, children } = element
  const sasl = saslNamespaces.has(ns)
  const secret = inside || sasl || secretNames.has(name) || (name === 'field' && isSecretField(attrs))
  const shown = !secret || isPublic(element, parent)
  const content = children.map(child => {
    if (typeof child !== 'string') return mask(child, element, secret, cover)
    return shown ? child : cover(child)
  })
  const open = (key: string): boolean => {
    if (sasl) return includes(publicSaslAttrs, key, name)
    return (!inside || inlineNamespaces.has(ns)) && !secretNames.has(key)
  }
  return el(name, ns, maskAttrs(attrs, open, cover), ...content)
}

function isPublic({ name, ns }: Element, parent: Element | undefined): boolean {
  if (parent === undefined) return false
  if (ns === NS_BIND2) return name === 'tag' && parent.ns === ns
  return saslNamespaces.has(ns) && saslNamespaces.has(parent.ns) && includes(publicSasl, name, parent.name)
}

function includes(table: Readonly<Record<string, readonly string[]>>, key: string, name: string): boolean {
  return Object.hasOwn(table, key) && table[key]?.includes(name) === true
}

function isSecretField({ type, var: name = '' }: Attrs): boolean {
  return type === 'text-private' || secretField.test(name)
}

function maskAttrs(attrs: Attrs, open: (key: string) => boolean, cover: Hide): Attrs {
  const keys = Object.keys(attrs)
  if (keys.every(open)) return attrs
  return Object.fromEntries(keys.map(key => [key, open(key) ? attrs[key] : cover(attrs[key] ?? '')]))
}
