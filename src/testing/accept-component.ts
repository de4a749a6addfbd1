import { randomBytes, timingSafeEqual } from 'node:crypto'
import { StreamError } from '../errors.ts'
import { prepareJid } from '../jid.ts'
import { handshakeDigest, NS_COMPONENT } from '../negotiate.ts'
import { el } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'

/** Which components a server lets in. */
export interface ComponentRules {
  /** Domain → secret. */
  readonly secrets: ReadonlyMap<string, string>
  /** A component of that name is attached already. */
  taken(domain: string): boolean
}

/** XEP-0114 §3, the server's side. Returns the component's domain. */
export async function acceptComponent(stream: XmlStream, rules: ComponentRules): Promise<string> {
  const { header } = await stream.readHeader()
  const domain = prepareJid(header.attrs.to ?? '') ?? ''
  const secret = rules.secrets.get(domain)
  const id = randomBytes(12).toString('base64url')
  // XEP-0114 §3: here the server answers as the component's own name.
  stream.sendHeader({ from: header.attrs.to, id })
  if (secret === undefined) throw stream.fail(new StreamError('host-unknown'))

  const handshake = await stream.expect(NS_COMPONENT, 'handshake')
  if (!same(handshake.text.trim(), handshakeDigest(id, secret))) {
    throw stream.fail(new StreamError('not-authorized'))
  }
  if (rules.taken(domain)) throw stream.fail(new StreamError('conflict', `${domain} is connected already`))
  stream.send(el('handshake', NS_COMPONENT))
  return domain
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
