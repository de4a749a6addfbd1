import type { Socket } from 'node:net'
import type { Test } from 'tap'
import { type ClientOptions, connectClient } from '../../src/client.ts'
import { XmppError } from '../../src/errors.ts'
import { type Listening, listen } from './listen.ts'
import { NS_STREAM, Peer } from './peer.ts'
import { play, playText } from './transcript.ts'

/** What a client or component says first to the servers of this file. */
export const DOMAIN = 'im.example.com'

/** A header that answers a client's; `ns` for a component. */
export const header = (ns = 'jabber:client'): string =>
  `<stream:stream xmlns='${ns}' xmlns:stream='${NS_STREAM}' id='s0' version='1.0'>`

/** A server that lets everyone in who logs in as test/transcript/client-plain.txt has it. */
export function welcoming(t: Test): Promise<Listening> {
  return listen(t, socket => void play(socket, 'client-plain.txt').catch(() => {}))
}

/** A server that answers each header with a stream error, whose condition may have content. */
export function refusing(t: Test, condition: string, content = '', ns?: string): Promise<Listening> {
  return listen(t, socket => void refuse(socket, condition, content, ns))
}

/** Waits for the other side's header, and ends the stream with an error. */
export async function refuse(socket: Socket, condition: string, content = '', ns?: string): Promise<void> {
  const peer = new Peer(socket)
  await peer.next().catch(() => {})
  socket.end(`${header(ns)}${streamError(condition, content)}`)
}

/** A stream error and the end of the stream. */
export function streamError(condition: string, content = ''): string {
  const element = `<${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'>${content}</${condition}>`
  return `<stream:error>${element}</stream:error></stream:stream>`
}

/** A port of this machine where nobody listens. */
export async function nobody(t: Test): Promise<number> {
  const { port, gone } = await listen(t, () => {})
  await gone()
  return port
}

/** A server that knows PLAIN and refuses whoever tries it. */
export function distrusting(t: Test): Promise<Listening> {
  return listen(t, socket => {
    playText(
      socket,
      `
C: <stream:stream xmlns='jabber:client' xmlns:stream='${NS_STREAM}' to='${DOMAIN}' version='1.0'>
S: ${header()}<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>
C: <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{any}</auth>
S: <failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure></stream:stream>
`,
    ).then(
      () => socket.end(),
      () => {},
    )
  })
}

/** The error of a login that must fail. */
export async function failure(options: ClientOptions): Promise<XmppError> {
  const error = await connectClient(options).then(
    () => undefined,
    reason => reason,
  )
  if (error instanceof XmppError) return error
  throw error ?? new Error('logged in')
}
