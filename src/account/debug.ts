import type { AccountConfig } from '../config/account.ts'
import { type Attrs, type Element, el } from '../stream/element.ts'

/** Of SASL (RFC 6120 §6) and XEP-0388: all character data is an exchange of credentials. */
const saslNamespaces = new Set(['urn:ietf:params:xml:ns:xmpp-sasl', 'urn:xmpp:sasl:2'])

/** Elements of SASL's namespaces that carry words for people, names of mechanisms, or who is who. */
const publicSasl = new Set(['mechanism', 'text', 'software', 'authorization-identifier'])

/** Elements and attributes that are secrets whatever their namespace: of XEP-0114, XEP-0078, XEP-0077, XEP-0484, OAuth. */
const secretNames = new Set(['handshake', 'password', 'digest', 'secret', 'token', 'refresh_token', 'access_token'])

/** Fields of forms (XEP-0004) whose values are secrets; what is submitted need not repeat the type. */
const secretField = /password|secret|token/i

/** A text of a peer's without our secret, which a server may repeat by mistake or to have it written down. */
export function hideSecret(text: string, secret: string): string {
  return secret.length < 4 ? text : text.replaceAll(secret, '[masked]')
}

/** The same for all that an account's configuration holds. */
export function hideSecrets(text: string, { secret, refresh_token, oauth_secret }: Secrets): string {
  return [secret, refresh_token, oauth_secret].reduce<string>((hidden, own) => hideSecret(hidden, own ?? ''), text)
}

type Secrets = Pick<AccountConfig, 'secret' | 'refresh_token' | 'oauth_secret'>

/** The element with everything masked that could be, or could be turned into, a password. */
export function maskSecrets(element: Element): Element {
  return mask(element, false)
}

/** What stands inside a secret is part of it. */
function mask({ name, ns, attrs, children }: Element, inside: boolean): Element {
  const sasl = saslNamespaces.has(ns)
  const secret = inside || sasl || secretNames.has(name) || (name === 'field' && isSecretField(attrs))
  const shown = !secret || (sasl && publicSasl.has(name))
  const content = children.map(child => {
    if (typeof child !== 'string') return mask(child, secret)
    return shown || child === '' ? child : '[masked]'
  })
  return el(name, ns, maskAttrs(attrs), ...content)
}

function isSecretField({ type, var: name = '' }: Attrs): boolean {
  return type === 'text-private' || secretField.test(name)
}

function maskAttrs(attrs: Attrs): Attrs {
  const names = Object.keys(attrs)
  if (!names.some(name => secretNames.has(name))) return attrs
  return Object.fromEntries(names.map(name => [name, secretNames.has(name) ? '[masked]' : attrs[name]]))
}
