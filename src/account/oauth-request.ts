import type { IncomingMessage } from 'node:http'
import type { RequestOptions } from 'node:https'
import { type Clock, systemClock } from '../clock.ts'
import { tokenUrlFault } from '../config/token-url.ts'
import { describe, XmppError } from '../errors.ts'

/** How a token endpoint is asked. */
export interface EndpointOptions {
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string | undefined
  /** Default the system's. */
  readonly clock?: Clock | undefined
  /** Gives up whatever is under way, and everything after it. */
  readonly signal?: AbortSignal | undefined
}

/** What a token endpoint has answered. It may hold tokens: nothing of it belongs into a log. */
export interface EndpointAnswer {
  readonly status: number
  readonly body: string
}

/** ms for all of a request. */
export const REQUEST_TIMEOUT = 15_000
/** Bytes that an answer may have. */
export const LONGEST_ANSWER = 65_536

/**
 * The URL of a token endpoint.
 * @throws XmppError `XMPP_OAUTH` for what is none, without quoting it: a query may hold anything
 */
export function endpointUrl(text: string): URL {
  const fault = tokenUrlFault(text)
  if (fault !== undefined) throw new XmppError('XMPP_OAUTH', `the token URL will not do: ${fault}`)
  return new URL(text)
}

/**
 * POSTs a form (RFC 6749 §4.1.3 and appendix B). Redirections are not followed.
 * @throws XmppError `XMPP_OAUTH` when no answer comes within 15 s, or one of more than 64 KiB; the signal's reason
 */
export async function postForm(url: URL, form: string, options: EndpointOptions): Promise<EndpointAnswer> {
  const { clock = systemClock, signal } = options
  signal?.throwIfAborted()
  const controller = new AbortController()
  const give = (): void => controller.abort(signal?.reason)
  signal?.addEventListener('abort', give)
  const cancel = clock.after(REQUEST_TIMEOUT, () => {
    controller.abort(new XmppError('XMPP_OAUTH', `${url.host} gives no answer within ${REQUEST_TIMEOUT / 1000} s`))
  })
  try {
    const response = await post(url, form, { ca: options.ca, signal: controller.signal })
    return { status: response.statusCode ?? 0, body: await bodyOf(response, url) }
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason
    throw failed(error, url)
  } finally {
    cancel()
    signal?.removeEventListener('abort', give)
  }
}

async function post(url: URL, form: string, { ca, signal }: RequestOptions): Promise<IncomingMessage> {
  // Loaded when first needed, for few accounts have a token.
  const { request } = await (url.protocol === 'https:' ? import('node:https') : import('node:http'))
  return new Promise((resolve, reject) => {
    const options: RequestOptions = {
      method: 'POST',
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      path: url.pathname + url.search,
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': Buffer.byteLength(form),
      },
      // A connection of its own, so that none is left open until the next time, an hour later.
      agent: false,
      ...(signal && { signal }),
      ...(ca === undefined ? {} : { ca }),
    }
    request(options, resolve).on('error', reject).end(form)
  })
}

async function bodyOf(response: IncomingMessage, url: URL): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > LONGEST_ANSWER) {
      throw new XmppError('XMPP_OAUTH', `the answer of ${url.host} is longer than ${LONGEST_ANSWER} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function failed(error: unknown, url: URL): XmppError {
  if (error instanceof XmppError) return error
  const { code } = error as { code?: string }
  // Node keeps what it could not read of an answer with the error: such a cause would show it.
  const cause = typeof code === 'string' && code.startsWith('HPE_') ? {} : { cause: error }
  const words = 'cause' in cause ? describe(error) : 'what answers there does not speak HTTP'
  const known = code === undefined || words.includes(code) ? '' : ` (${code})`
  return new XmppError('XMPP_OAUTH', `no token from ${url.host}: ${words}${known}`, cause)
}
