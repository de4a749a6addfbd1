import { StanzaError, StreamError, XmppError } from '../errors.ts'
import { type Element, el } from '../stream/element.ts'
import type { XmlStream } from '../stream/stream.ts'

/** Sends an iq before there is a session. */
export function ask(stream: XmlStream, type: 'get' | 'set', id: string, payload: Element, to?: string): void {
  stream.send(el('iq', stream.ns, { type, id, to }, payload))
}

/**
 * The answer to {@link ask}; the server answers nothing else before there is a session (RFC 6120 §7.1).
 * @throws StanzaError when it is an error; StreamError `bad-format` when it answers something else
 */
export async function answerTo(stream: XmlStream, id: string, what: string): Promise<Element> {
  const reply = await stream.expect(stream.ns, 'iq')
  if (reply.attrs.id !== id || (reply.attrs.type !== 'result' && reply.attrs.type !== 'error')) {
    throw stream.fail(new StreamError('bad-format', `an iq that does not answer <${what}>`))
  }
  if (reply.attrs.type === 'error') throw StanzaError.from(reply)
  return reply
}

/** A request that was refused, told as what the login has failed at. */
export function bindFailure(what: string, error: unknown): unknown {
  if (!(error instanceof StanzaError)) return error
  return new XmppError('XMPP_BIND_FAILED', `the server refused <${what}>: ${error.message}`, { cause: error })
}
