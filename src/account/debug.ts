import { type Element, el, Element as XmlElement } from '../stream/element.ts'

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'

/** Names of elements whose text is a secret, whatever their namespace: of SASL, XEP-0114, XEP-0078, XEP-0077, OAuth. */
const secretNames = new Set(['handshake', 'password', 'digest', 'secret', 'token', 'refresh_token', 'access_token'])

/** The element with everything masked that could be, or could be turned into, a password. */
export function maskSecrets(element: Element): Element {
  const text = element.ns === NS_SASL || secretNames.has(element.name)
  if (!text && element.children.every(child => typeof child === 'string')) return element
  const children = element.children.map(child => {
    if (child instanceof XmlElement) return maskSecrets(child)
    return text && child !== '' && !publicSasl.has(element.name) ? '[masked]' : child
  })
  return el(element.name, element.ns, element.attrs, ...children)
}

/** Elements of SASL's namespace that carry words for people or names of mechanisms. */
const publicSasl = new Set(['mechanism', 'text'])
