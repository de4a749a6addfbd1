import { SaslError } from '../errors.ts'
import { printable } from '../printable.ts'
import type { Bindings, BindingType } from '../stream/channel-bindings.ts'

export type { Bindings, BindingType } from '../stream/channel-bindings.ts'

/** A TLS channel, as both of its ends see it and nobody between them. */
export interface ChannelBinding {
  readonly type: BindingType
  readonly data: Uint8Array
}

/**
 * What the user wants of channel binding. `auto` binds where the server says to what (XEP-0440), or on TLS 1.2 to tls-unique; `required` binds or does
 * not log in with a password; `no` never binds.
 */
export type BindingPolicy = 'auto' | 'required' | 'no'

/** What is known of a login when it is decided whether it is bound to its channel. */
export interface BindingFacts {
  readonly policy: BindingPolicy
  /** What of the channel we can bind to: nothing without TLS. */
  readonly bindings: Bindings
  /** Of TLS, as Node names it; undefined without. */
  readonly version: string | undefined
  /** The mechanisms the server offers. */
  readonly offered: readonly string[]
  /** The types of channel binding the server lists (XEP-0440); undefined when it lists none. */
  readonly types: readonly string[] | undefined
}

/** What has been decided. */
export interface Decision {
  /** What a -PLUS mechanism binds to; undefined for none of them. */
  readonly binding: ChannelBinding | undefined
  /** For a SCRAM without -PLUS: the flag `y` instead of `n` (RFC 5802 §6). */
  readonly couldBind: boolean
  /** Why we do not bind though the server offers it, for the log. */
  readonly notice: string | undefined
}

/**
 * Whether a login is bound to its channel, and to what of it.
 * @throws SaslError where it is `required` and cannot be: `encryption-required` without TLS, else `invalid-mechanism`
 */
export function decideBinding(facts: BindingFacts): Decision {
  const { policy, bindings, offered, types } = facts
  const plus = offered.some(name => name.endsWith('-PLUS'))
  const ours = preference.filter(type => bindings.has(type) && mayBind(type, facts.version))
  if (policy === 'no') return unbound()
  if (policy === 'required') assertPossible(facts, plus)
  // Whoever has taken -PLUS from the list is found out by the flag; where it still stands, `y` would be a lie.
  if (!plus) return unbound(ours.length > 0)

  const type = types === undefined ? unlisted(facts, ours) : ours.find(each => types.includes(each))
  const data = type && bindings.get(type)?.()
  if (type !== undefined && data !== undefined) return { binding: { type, data }, couldBind: false, notice: undefined }
  const why = reason(facts, ours)
  if (policy === 'required') throw new SaslError('invalid-mechanism', `channel binding is required, but ${why}`)
  return unbound(false, `logging in without channel binding, though the server offers it: ${why}`)
}

/** Best first. What the certificate shows is the same on all connections: it tells of a wrong server, not of a wrong channel. */
const preference: readonly BindingType[] = ['tls-exporter', 'tls-unique', 'tls-server-end-point']

/** RFC 9266 §3: no tls-unique in TLS 1.3; §4.1: before it no tls-exporter without what Node does not tell (RFC 7627). */
function mayBind(type: BindingType, version: string | undefined): boolean {
  if (type === 'tls-exporter') return version === 'TLSv1.3'
  if (type === 'tls-unique') return version === 'TLSv1.2'
  return version !== undefined
}

/**
 * What to bind to where the server does not say. In TLS 1.2 that is tls-unique, which all servers know (RFC 5802 §6.1). In TLS 1.3 a
 * server may offer -PLUS and know no type for it (ejabberd 23 does), so only he who insists tries (RFC 9266 §2).
 */
function unlisted({ policy }: BindingFacts, ours: readonly BindingType[]): BindingType | undefined {
  const usual = policy === 'required' ? ['tls-exporter', 'tls-unique'] : ['tls-unique']
  return ours.find(type => usual.includes(type))
}

function assertPossible({ version }: BindingFacts, plus: boolean): void {
  if (version === undefined) {
    throw new SaslError(
      'encryption-required',
      'channel binding is required, and without TLS there is nothing to bind to',
    )
  }
  if (plus) return
  const text = 'channel binding is required, but the server offers no -PLUS mechanism here'
  throw new SaslError('invalid-mechanism', text)
}

function reason({ types, version }: BindingFacts, ours: readonly BindingType[]): string {
  const here = `${version ?? 'a stream in clear'} has ${ours.join(', ') || 'nothing to bind to'} here`
  if (types === undefined) return `it does not say what it can bind to (XEP-0440), and ${here}`
  return `it can bind to ${printable(types.join(', ').slice(0, 200)) || 'nothing'}, and ${here}`
}

function unbound(couldBind = false, notice?: string): Decision {
  return { binding: undefined, couldBind, notice }
}
