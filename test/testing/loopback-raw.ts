/** A client of the loopback server that says one thing after the other, and no more than it is told to. */
import type { Test } from 'tap'
import { NS_BIND, NS_CLIENT, NS_SASL } from '../../src/negotiate.ts'
import { type Element, el } from '../../src/stream/element.ts'
import { NS_STREAM } from '../../src/stream/namespaces.ts'
import type { XmlStream } from '../../src/stream/stream.ts'
import { NS_SM } from '../../src/stream-management.ts'
import type { Stage } from './loopback-actors.ts'

export const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** What PLAIN says for these users of the stage. */
export const proofs = { alice: base64('\0alice\0alice:pw'), bob: base64('\0bob\0bob pw') } as const

/** A stream whose server has said what it offers. */
export interface Ready {
  readonly stream: XmlStream
  readonly features: Element
}

/** A stream in clear before any login; the server has to let it. */
export async function opened(t: Test, on: Stage): Promise<Ready> {
  const stream = await on.raw()
  t.teardown(() => stream.destroy())
  return { stream, features: await open(stream) }
}

/** A new stream on a connection. */
export async function open(stream: XmlStream): Promise<Element> {
  await stream.open({ to: 'one.example', version: '1.0' })
  return stream.expect(NS_STREAM, 'features')
}

/** Logged in by RFC 6120's SASL, before a resource is bound. */
export async function authenticated(t: Test, on: Stage, user: keyof typeof proofs = 'alice'): Promise<Ready> {
  const { stream } = await opened(t, on)
  stream.send(el('auth', NS_SASL, { mechanism: 'PLAIN' }, proofs[user]))
  await stream.expect(NS_SASL, 'success')
  return { stream, features: await open(stream) }
}

/** Binds a resource. */
export async function bind(stream: XmlStream, resource: string): Promise<void> {
  stream.send(
    el('iq', NS_CLIENT, { type: 'set', id: 'b' }, el('bind', NS_BIND, {}, el('resource', NS_BIND, {}, resource))),
  )
  await stream.expect(NS_CLIENT, 'iq')
}

/** Logged in with a resource and a session that can be resumed by the id returned. */
export async function managed(t: Test, on: Stage, user: keyof typeof proofs = 'alice', resource = 'r') {
  const { stream } = await authenticated(t, on, user)
  await bind(stream, resource)
  stream.send(el('enable', NS_SM, { resume: 'true' }))
  const enabled = await stream.expect(NS_SM, 'enabled')
  return { stream, enabled, id: enabled.attrs.id ?? '' }
}

/** Asks to resume on another connection, and returns that with the answer. */
export async function resume(t: Test, on: Stage, id: string, h: string | number, user: keyof typeof proofs = 'alice') {
  const { stream } = await authenticated(t, on, user)
  stream.send(el('resume', NS_SM, { previd: id, h: `${h}` }))
  return { stream, reply: await stream.next() }
}

/** A message, told apart by its id. */
export function message(to: string, id: string, attrs: Record<string, string> = {}): Element {
  return el('message', NS_CLIENT, { to, id, ...attrs }, el('body', NS_CLIENT, {}, id))
}

/** The next stanzas, each by its name and id; what else comes is told by its name and h. */
export async function got(stream: XmlStream, count: number): Promise<string[]> {
  const seen: string[] = []
  while (seen.length < count) {
    const element = await stream.next()
    if (element === undefined) return [...seen, 'closed']
    const { name, attrs } = element
    seen.push([name, attrs.id ?? attrs.h ?? ''].join(' ').trim())
  }
  return seen
}

/** How many of a client's stanzas the server has handled. */
export async function handled(stream: XmlStream): Promise<string | undefined> {
  stream.send(el('r', NS_SM))
  return (await stream.expect(NS_SM, 'a')).attrs.h
}
