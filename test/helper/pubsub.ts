import type { Session } from '../../src/session.ts'
import type { Element } from '../../src/stream/element.ts'
import { openSession } from './session.ts'
import { playText } from './transcript.ts'

export const service = 'pubsub.shakespeare.lit'

/** What a function asks as Francisco of Denmark, and what it makes of the answers. */
export async function asking<Answer>(
  ask: (session: Session) => Promise<Answer>,
  dialogue: string,
  jid = 'francisco@denmark.lit/barracks',
): Promise<Answer> {
  const { session, far, peer } = await openSession({ jid, component: !jid.includes('@') })
  const asked = ask(session)
  asked.catch(() => {})
  await playText(far, dialogue, 'pubsub', { peer })
  return asked
}

let count = 0

interface Dialogue {
  readonly to?: string | undefined
  readonly from?: string
}

/** One request and its answer; no answer is an empty result. */
export function exchange(
  type: 'get' | 'set',
  request: string,
  answer = '',
  { to = service, from }: Dialogue = {},
): string {
  const id = `{w${word(++count)}}`
  const asker = from === undefined ? '' : ` from='${from}'`
  const kind = answer.startsWith('<error') ? 'error' : 'result'
  const [sent, came] = to === '' ? ['', ''] : [` to='${to}'`, ` from='${to}'`]
  return `C: <iq type='${type}' id='${id}'${sent}${asker}>${request}</iq>
S: <iq type='${kind}' id='${id}'${came}>${answer}</iq>
`
}

/** Words of a transcript are letters and digits. */
const word = (number: number): string => number.toString(36)

export const pubsub = (content: string): string =>
  `<pubsub xmlns='http://jabber.org/protocol/pubsub'>${content}</pubsub>`
export const owner = (content: string): string =>
  `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>${content}</pubsub>`

/** A form of PubSub; `fields` have its values by what follows `pubsub#` in their names. */
export function form(kind: string, fields: Record<string, string | readonly string[]>, type = 'submit'): string {
  const inside = Object.entries(fields).map(
    ([name, value]) =>
      `<field var='pubsub#${name}'>${[value]
        .flat()
        .map(text => `<value>${text}</value>`)
        .join('')}</field>`,
  )
  return `<x xmlns='jabber:x:data' type='${type}'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#${kind}</value></field>${inside.join('')}</x>`
}

/** An error as a service answers it; `special` is the condition of PubSub, and the feature that it names. */
export function error(type: string, condition: string, special?: string, feature?: string): string {
  const named = feature === undefined ? '' : ` feature='${feature}'`
  const own = special === undefined ? '' : `<${special} xmlns='http://jabber.org/protocol/pubsub#errors'${named}/>`
  return `<error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>${own}</error>`
}

/** What a payload says, for comparison. */
export const xml = (payload: Element | undefined): string | undefined => payload?.toString()
