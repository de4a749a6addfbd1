/** XEP-0115 Entity Capabilities, version 1.6.0, §5: the verification string, and whether an answer is what it stands for. */
import { nodeCrypto } from '../builtin.ts'
import { type DataForm, FORM_TYPE, formTypeOf } from './0004-data-forms.ts'
import type { DiscoInfo, Identity } from './0030-disco.ts'

/** Hash functions by their names in XMPP (XEP-0300 §3, the IANA's registry), and by OpenSSL's. What is broken in every other use is not among them. */
const hashes: Readonly<Record<string, string>> = {
  'sha-1': 'sha1',
  'sha-224': 'sha224',
  'sha-256': 'sha256',
  'sha-384': 'sha384',
  'sha-512': 'sha512',
  'sha3-256': 'sha3-256',
  'sha3-512': 'sha3-512',
}

/** What is kept of one answer, in bytes of what is hashed: a large client comes to some 4 KiB. */
const MAX_BYTES = 65_536
/** Identities, features, fields and values of one answer. */
const MAX_PARTS = 2000

/** Whether there is a way to check a verification string that was made with it (§5.4). */
export function isKnownHash(hash: string | undefined): hash is string {
  return hash !== undefined && Object.hasOwn(hashes, hash)
}

/**
 * The `ver` of what somebody is and can do (§5.1).
 * @param hash one that {@link isKnownHash} knows
 * @throws RangeError for another one
 */
export function verificationString(info: DiscoInfo, hash = 'sha-1'): string {
  if (!isKnownHash(hash))
    throw new RangeError(`no hash function "${hash}": there are ${Object.keys(hashes).join(', ')}`)
  return digest(factors(inOrder(info)), hash)
}

/**
 * What an answer says, when it is what the verification string was made of; undefined when it is not, or when it is not well-formed
 * (§5.4). What was not hashed is not in it: neither forms that the hash leaves out, nor the order in which things stood.
 *
 * One thing no check can find, since the string does not tell where features end and forms begin: an answer that names some of
 * the last features as FORM_TYPE, fields and values of a form gives the same hash as the true one (XEP-0390 §1 is why that one exists).
 */
export function verified(info: DiscoInfo, hash: string, ver: string): DiscoInfo | undefined {
  if (!isKnownHash(hash) || partsOf(info) > MAX_PARTS || flaw(info) !== undefined) return undefined
  const sorted = inOrder(info)
  const hashed = factors(sorted)
  return Buffer.byteLength(hashed) <= MAX_BYTES && digest(hashed, hash) === ver ? sorted : undefined
}

/**
 * What makes an answer ill-formed, so that no hash can vouch for it (§5.4, 3.3 to 3.5); undefined when nothing does. Beside what is
 * listed there: no identity at all, which XEP-0030 §3.1 forbids and which would let identities pass for features; and the characters that
 * separate what is hashed in what they separate, for then one string would stand for several answers. §5.1 has them taken literally, which
 * is what an attacker wants; no registered category, type, language or feature has any of them.
 */
export function flaw({ identities, features, forms }: DiscoInfo): string | undefined {
  if (identities.length === 0) return 'no identity'
  if (hasTwice(identities.map(identityKey))) return 'an identity is there twice'
  if (hasTwice(features)) return 'a feature is there twice'
  const types = forms.map(({ fields }) =>
    fields.filter(field => field.var === FORM_TYPE).flatMap(field => field.values),
  )
  if (types.some(values => new Set(values).size > 1)) return 'a form has more than one FORM_TYPE'
  if (hasTwice(types.flatMap(([type]) => type ?? []))) return 'there are two forms of one FORM_TYPE'
  if (identities.some(({ category, type, lang = '' }) => `${category}${type}${lang}`.includes('/')))
    return 'an identity has a / in its category, type or language'
  const texts = [
    ...identities.map(identityKey),
    ...features,
    ...forms.flatMap(({ fields }) => fields.flatMap(field => [field.var, ...field.values])),
  ]
  return texts.some(text => text.includes('<')) ? 'there is a < in what is hashed' : undefined
}

/**
 * What is worth keeping of an answer that no hash vouches for: like {@link verified}, each thing once. Undefined for what is too large.
 */
export function unverified(info: DiscoInfo): DiscoInfo | undefined {
  if (partsOf(info) > MAX_PARTS) return undefined
  const sorted = inOrder(info)
  if (Buffer.byteLength(factors(sorted)) > MAX_BYTES) return undefined
  return { ...sorted, features: [...new Set(sorted.features)] }
}

/** About how many bytes of memory it takes to keep one that is sorted. */
export function weightOf(info: DiscoInfo): number {
  return 2 * factors(info).length + 100 * partsOf(info)
}

/** What is hashed, sorted as it is hashed (§5.1), in copies of its own. */
function inOrder({ identities, features, forms }: DiscoInfo): DiscoInfo {
  return {
    identities: sorted(identities.map(identityKey)).map(readKey),
    features: sorted(features),
    forms: byOctets(
      forms.filter(form => formTypeOf(form) !== undefined),
      form => formTypeOf(form) as string,
    ).map(([form, formType]) => ({
      type: 'result',
      fields: [{ var: FORM_TYPE, type: 'hidden', values: [formType] }, ...fieldsInOrder(form)],
    })),
  }
}

function fieldsInOrder({ fields }: DataForm): DataForm['fields'] {
  const others = fields.filter(field => field.var !== FORM_TYPE)
  return byOctets(others, field => field.var).map(([{ values }, name]) => ({
    var: name,
    type: undefined,
    values: sorted(values),
  }))
}

/** S of §5.1, of what is in order. */
function factors({ identities, features, forms }: DiscoInfo): string {
  const parts = [
    ...identities.map(({ category, type, lang = '', name = '' }) => `${category}/${type}/${lang}/${name}`),
    ...features,
  ]
  for (const { fields } of forms) {
    for (const field of fields) {
      if (field.var !== FORM_TYPE) parts.push(field.var)
      parts.push(...field.values)
    }
  }
  return parts.map(part => `${part}<`).join('')
}

function digest(text: string, hash: string): string {
  return nodeCrypto()
    .createHash(hashes[hash] as string)
    .update(text)
    .digest('base64')
}

function partsOf({ identities, features, forms }: DiscoInfo): number {
  let parts = identities.length + features.length
  for (const { fields } of forms) for (const { values } of fields) parts += 1 + values.length
  return parts
}

/** One text for an identity, which sorts as §5.1 has it: by category, then by type, then by language. U+0000 stands in no XML. */
function identityKey({ category, type, lang = '', name = '' }: Identity): string {
  return [category, type, lang, name].join('\0')
}

function readKey(key: string): Identity {
  const [category = '', type = '', lang, name] = key.split('\0')
  return { category, type, ...(name && { name }), ...(lang && { lang }) }
}

/** By i;octet (RFC 4790 §9.3), on UTF-8: JavaScript would put U+1F339 before U+FF5E. The texts are copies. */
function sorted(texts: readonly string[]): string[] {
  return byOctets(texts, text => text).map(([, text]) => text)
}

function byOctets<T>(things: readonly T[], textOf: (thing: T) => string): [T, string][] {
  const coded = things.map((thing): [T, Buffer] => [thing, Buffer.from(textOf(thing))])
  return coded.sort(([, a], [, b]) => Buffer.compare(a, b)).map(([thing, octets]) => [thing, octets.toString()])
}

function hasTwice(texts: readonly string[]): boolean {
  return new Set(texts).size < texts.length
}
