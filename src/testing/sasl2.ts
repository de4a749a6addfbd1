/** XEP-0388 Extensible SASL Profile with XEP-0386 Bind 2 and XEP-0198 inline, from the server's side. */
import { createHash, randomBytes } from 'node:crypto'
import { prepareJid } from '../jid.ts'
import { NS_SASL2 } from '../negotiate/sasl.ts'
import { NS_BIND2 } from '../negotiate/sasl2.ts'
import { type Element, el } from '../stream/element.ts'
import { NS_STREAM } from '../stream/namespaces.ts'
import type { XmlStream } from '../stream/stream.ts'
import { NS_SM } from '../stream-management.ts'
import { type Beginning, begin, bindFeatures, managementFeature } from './begin.ts'
import { Peer } from './peers.ts'
import type { Proven, ServerProfile } from './sasl-server.ts'
import type { Sessions } from './sessions.ts'

/** XEP-0388 §2.5 to §2.6. */
export const sasl2: ServerProfile = {
  ns: NS_SASL2,
  request: 'authenticate',
  initialOf: request => request.childText('initial-response'),
}

/** §2.4: the mechanisms, and what may be asked for inside the login. */
export function sasl2Feature(mechanisms: readonly string[], { offered }: Sessions): Element {
  const names = mechanisms.map(name => el('mechanism', NS_SASL2, {}, name))
  const managed = offered ? [el('inline', NS_BIND2, {}, el('feature', NS_BIND2, { var: NS_SM }))] : []
  const resumption = offered ? [el('sm', NS_SM)] : []
  return el(
    'authentication',
    NS_SASL2,
    {},
    ...names,
    el('inline', NS_SASL2, {}, el('bind', NS_BIND2, {}, ...managed), ...resumption),
  )
}

/**
 * Answers a login that has succeeded, and with it what was asked for inside. A session that can be resumed is, and then nothing is bound
 * (XEP-0198 §6.2). The stream is not restarted; new features follow (XEP-0388 §2.6.3).
 */
export async function beginBySasl2(stream: XmlStream, proven: Proven, sessions: Sessions): Promise<Beginning> {
  const { account, request } = proven
  const succeed = (identity: string, inline: readonly Element[], features: readonly Element[]): void => {
    stream.send(success(proven, identity, inline))
    stream.send(el('features', NS_STREAM, {}, ...features))
  }
  const wanted = sessions.offered ? request.child('resume', NS_SM) : undefined
  const resumption = wanted && sessions.resume(account, wanted)
  if (resumption?.peer !== undefined) {
    const { peer, reply, goOn } = resumption
    succeed(peer.jid, [reply], [])
    goOn(stream)
    return { peer, resumed: true }
  }
  const notResumed = resumption === undefined ? [] : [resumption.reply]
  const binding = request.child('bind', NS_BIND2)
  if (binding === undefined) {
    succeed(account, notResumed, bindFeatures(sessions))
    return begin(stream, account, sessions)
  }
  const peer = new Peer(stream, jidFor(account, binding, request))
  const enable = sessions.offered ? binding.child('enable', NS_SM) : undefined
  const enabled = enable === undefined ? [] : [sessions.enable(peer, enable)]
  const left = enable === undefined ? managementFeature(sessions) : []
  succeed(peer.jid, [...notResumed, el('bound', NS_BIND2, {}, ...enabled)], left)
  return { peer, resumed: false }
}

function success({ data }: Proven, identity: string, inline: readonly Element[]): Element {
  const additional = data === undefined ? [] : [el('additional-data', NS_SASL2, {}, data)]
  const identifier = el('authorization-identifier', NS_SASL2, {}, identity)
  return el('success', NS_SASL2, {}, ...additional, identifier, ...inline)
}

/** Characters of a tag that are taken into a resource. */
const MAX_TAG = 64

/**
 * The client's own word, then what tells its installations apart: the same each time for one that says which it is, so that it takes the
 * place of its earlier session (XEP-0386 §4).
 */
function jidFor(account: string, binding: Element, request: Element): string {
  const tag = binding.childText('tag')?.slice(0, MAX_TAG) ?? ''
  const agent = request.child('user-agent')?.attrs.id
  const unique =
    agent === undefined
      ? randomBytes(9).toString('base64url')
      : createHash('sha256').update(`${account}\0${agent}`).digest('base64url').slice(0, 12)
  const plain = `${account}/${unique}`
  return (tag !== '' && prepareJid(`${account}/${tag}.${unique}`)) || plain
}
