/** XEP-0115 Entity Capabilities, version 1.6.0: what we can do, told with our presence, and checked when others tell it. */
import { nodeCrypto } from '../builtin.ts'
import { detached } from '../detached.ts'
import type { Xep } from '../routes.ts'
import { type Element, el } from '../stream/element.ts'
import { type DiscoInfo, infoOf } from './0030-disco.ts'

export const NS_CAPS = 'http://jabber.org/protocol/caps'

/** Names the software; the one of res_xmpp, for whom others take us to be. */
const NODE = 'http://www.asterisk.org/xmpp/client/caps'

/** Every session has it: presence then holds `<c/>`, and what it promises is answered (§6.2). */
export const caps: Xep = {
  name: 'XEP-0115',
  features: [NS_CAPS],
  infoNode: xeps => `${NODE}#${ownVer(xeps)}`,
}

/** `<c/>` for the presence of somebody with these extensions; nothing when {@link caps} is none of them. */
export function capsOf(xeps: readonly Xep[]): readonly Element[] {
  if (!xeps.includes(caps)) return []
  return [el('c', NS_CAPS, { hash: 'sha-1', node: NODE, ver: ownVer(xeps) })]
}

/** What someone's presence says of its capabilities (§4). */
export interface Announced {
  readonly node: string
  readonly ver: string
  /** Undefined in the format before version 1.4, whose `ver` says nothing of what is in it. */
  readonly hash: string | undefined
}

/** Characters of each part that are kept. */
const LONGEST = 1000

/** Reads `<c/>` of a presence; undefined where there is none, or none to make sense of. */
export function readCaps(presence: Element): Announced | undefined {
  const attrs = presence.child('c', NS_CAPS)?.attrs
  if (attrs === undefined) return undefined
  const { node = '', ver = '', hash } = attrs
  if ([node, ver, hash ?? ''].some(text => text.length > LONGEST)) return undefined
  return { node: detached(node), ver: detached(ver), hash: hash && detached(hash) }
}

/** By the names of XEP-0300. What is broken (MD5) proves nothing; Node has no other names for these. */
const algorithms: Readonly<Record<string, string>> = {
  'sha-1': 'sha1',
  'sha-224': 'sha224',
  'sha-256': 'sha256',
  'sha-384': 'sha384',
  'sha-512': 'sha512',
  'sha3-256': 'sha3-256',
  'sha3-512': 'sha3-512',
}

/** Whether a hash of that name can be checked. */
export function isKnownHash(name: string | undefined): name is string {
  return name !== undefined && Object.hasOwn(algorithms, name)
}

/** Whether this is what was announced with that hash (§5.4): well-formed, and the same when it is computed. */
export function isVerified(info: DiscoInfo, { hash, ver }: Announced): boolean {
  const text = isKnownHash(hash) ? verificationString(info) : undefined
  return text !== undefined && isKnownHash(hash) && digest(hash, text) === ver
}

/**
 * The string whose hash is announced (§5.1). Undefined for what is ill-formed (§5.4): the same identity, feature or form twice, or two values of
 * one FORM_TYPE; and for what holds the separator `<` itself, which could be read in several ways.
 */
export function verificationString({ identities, features, forms }: DiscoInfo): string | undefined {
  const named = identities.map(({ category, type, lang, name }) => [category, type, lang, name])
  const typed: { type: string; fields: DiscoInfo['forms'][number]['fields'] }[] = []
  for (const { types, fields } of forms) {
    // A form that is of no type is not part of it (§5.4, 3.6).
    if (types === undefined) continue
    const [type, ...others] = new Set(types)
    if (type === undefined || others.length > 0) return undefined
    typed.push({ type, fields })
  }
  const twice = (texts: readonly string[]): boolean => new Set(texts).size < texts.length
  const ids = named.map(parts => JSON.stringify(parts))
  if (twice(ids) || twice(features) || twice(typed.map(({ type }) => type))) return undefined

  const parts = [
    ...named.sort((a, b) => firstDifference(a, b)).map(identity => identity.join('/')),
    ...[...features].sort(byOctets),
    ...typed
      .sort((a, b) => byOctets(a.type, b.type))
      .flatMap(({ type, fields }) => [
        type,
        ...[...fields]
          .sort((a, b) => byOctets(a.name, b.name))
          .flatMap(({ name, values }) => [name, ...[...values].sort(byOctets)]),
      ]),
  ]
  return parts.some(part => part.includes('<')) ? undefined : parts.map(part => `${part}<`).join('')
}

function digest(hash: string, text: string): string {
  return nodeCrypto()
    .createHash(algorithms[hash] as string)
    .update(text)
    .digest('base64')
}

/** The same for all who share a list of extensions. */
function ownVer(xeps: readonly Xep[]): string {
  const known = vers.get(xeps)
  if (known !== undefined) return known
  const ver = digest('sha-1', verificationString(infoOf(xeps)) ?? '')
  vers.set(xeps, ver)
  return ver
}

const vers = new WeakMap<readonly Xep[], string>()

function firstDifference(a: readonly string[], b: readonly string[]): number {
  for (const [at, part] of a.entries()) {
    const order = byOctets(part, b[at] ?? '')
    if (order !== 0) return order
  }
  return 0
}

/** The collation i;octet (RFC 4790 §9.3) of UTF-8: the order of code points, which that of UTF-16 is not. */
function byOctets(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
