/**
 * Who may do what: each way by which something from outside gets at an account, with each `from` that may stand there. The tables say whose
 * stanza has an effect, and by which paragraph; nobody else's has any, and whatever comes, the account stays connected.
 */
import t, { type Test } from 'tap'
import type { AccountEvent } from '../src/account/events.ts'
import { StateBus } from '../src/bus/index.ts'
import { StanzaError } from '../src/errors.ts'
import type { Xep } from '../src/routes.ts'
import type { Session } from '../src/session.ts'
import { el } from '../src/stream/element.ts'
import { pubsubEvents } from '../src/xep/0060-events.ts'
import { pep } from '../src/xep/0163-pep.ts'
import { attachment, clientConfig, componentConfig, login, script, type Watched, watched } from './account/setting.ts'
import { HandClock } from './helper/clock.ts'
import { settled } from './helper/pair.ts'
import type { Node, Peer } from './helper/peer.ts'
import { openSession } from './helper/session.ts'

// ── who says so ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What stands in `from`, undefined for none, and whose JID that is, undefined for nobody's. */
type From = readonly [text: string | undefined, jid: string | undefined]

const others = {
  contact: ['romeo@example.net', 'romeo@example.net'],
  'contact, capitals': ['ROMEO@Example.NET', 'romeo@example.net'],
  'contact, full': ['romeo@example.net/orchard', 'romeo@example.net/orchard'],
  'contact, full, capitals': ['ROMEO@Example.NET/orchard', 'romeo@example.net/orchard'],
  'contact, other resource': ['romeo@example.net/Orchard', 'romeo@example.net/Orchard'],
  "contact's server": ['example.net', 'example.net'],
  "like contact's server": ['example.net.evil', 'example.net.evil'],
  'like contact': ['romeo@example.net.evil/orchard', 'romeo@example.net.evil/orchard'],
  'homograph of contact': ['romeo@ex\u0430mple.net/orchard', 'romeo@ex\u0430mple.net/orchard'],
  'our server': ['example.com', 'example.com'],
  'our server, capitals': ['EXAMPLE.COM', 'example.com'],
  'our server, full stop': ['example.com.', 'example.com'],
  "our server's resource": ['example.com/balcony', 'example.com/balcony'],
  'like our server': ['example.com.evil', 'example.com.evil'],
  'below our server': ['evil.example.com', 'evil.example.com'],
  stranger: ['mallory@example.com', 'mallory@example.com'],
  'stranger, full': ['mallory@example.com/balcony', 'mallory@example.com/balcony'],
  none: [undefined, undefined],
  empty: ['', undefined],
  'two @': ['juliet@@example.com', undefined],
  'no localpart': ['@example.com', undefined],
  'no resource': ['juliet@example.com/', undefined],
  'white space': [' example.com', undefined],
} as const satisfies Record<string, From>

const ofClient = {
  ...others,
  // RFC 6120 §8.1.2.1: a client takes it for its own account's.
  none: [undefined, 'juliet@example.com'],
  account: ['juliet@example.com', 'juliet@example.com'],
  'account, capitals': ['JULIET@Example.COM', 'juliet@example.com'],
  'account, full width': ['\uff4auliet@example.com', 'juliet@example.com'],
  self: ['juliet@example.com/balcony', 'juliet@example.com/balcony'],
  'self, capitals': ['JULIET@EXAMPLE.COM/balcony', 'juliet@example.com/balcony'],
  'other resource': ['juliet@example.com/chamber', 'juliet@example.com/chamber'],
  'resource, capitals': ['juliet@example.com/BALCONY', 'juliet@example.com/BALCONY'],
  'like account': ['juliet@example.com.evil', 'juliet@example.com.evil'],
  'like self': ['juliet@example.com.evil/balcony', 'juliet@example.com.evil/balcony'],
  'homograph of self': ['juliet@ex\u0430mple.com/balcony', 'juliet@ex\u0430mple.com/balcony'],
} as const satisfies Record<string, From>

const ofComponent = {
  ...others,
  self: ['pbx.example.com', 'pbx.example.com'],
  'self, capitals': ['PBX.Example.COM', 'pbx.example.com'],
  'own user': ['100@pbx.example.com', '100@pbx.example.com'],
  'own user, full': ['100@pbx.example.com/desk', '100@pbx.example.com/desk'],
  'own resource': ['pbx.example.com/desk', 'pbx.example.com/desk'],
  'like self': ['pbx.example.com.evil', 'pbx.example.com.evil'],
  'homograph of self': ['pbx.ex\u0430mple.com', 'pbx.ex\u0430mple.com'],
} as const satisfies Record<string, From>

type Client = keyof typeof ofClient
type Component = keyof typeof ofComponent

const server = ['our server', 'our server, capitals', 'our server, full stop'] as const
const account = ['none', 'account', 'account, capitals', 'account, full width'] as const
const self = ['self', 'self, capitals'] as const
const contact = ['contact', 'contact, capitals'] as const
const fullContact = ['contact, full', 'contact, full, capitals'] as const
const contactAnywhere = [...contact, ...fullContact, 'contact, other resource'] as const
/** Whom a message to the contact's resource comes to or passes. */
const onTheWay = [...contact, ...fullContact, "contact's server"] as const
/** Whoever has a JID. */
const anyClient = named(ofClient)
const anyComponent = named(ofComponent)
const nobody: readonly never[] = []

function named<Name extends string>(froms: Readonly<Record<Name, From>>): readonly Name[] {
  return (Object.keys(froms) as Name[]).filter(name => froms[name][1] !== undefined)
}

// ── what they try ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A way to get at an account: what it is, by which paragraph, who may, and the attempt, which tells whether it had an effect. */
type Way<Name> = readonly [what: string, by: string, may: readonly Name[], attempt: Attempt]
type Attempt = (on: Stage, from: From) => Promise<boolean>

const ping = "<ping xmlns='urn:xmpp:ping'/>"
const version = "<query xmlns='jabber:iq:version'/>"
const info = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
const items = "<query xmlns='http://jabber.org/protocol/disco#items'/>"
const unknown = "<q xmlns='urn:unknown'/>"

const clientWays: readonly Way<Client>[] = [
  ['roster push', 'RFC 6121 §2.1.6', [...account, ...server], pushes],
  ['result from the server', 'RFC 6120 §8.1.2.1', [...account, ...self, ...server], answers('result', undefined)],
  ['error from the server', 'RFC 6120 §8.1.2.1', [...account, ...self, ...server], answers('error', undefined)],
  ['result from our account', 'RFC 6120 §8.1.2.1', [...account, ...self], answers('result', 'juliet@example.com')],
  ['error from our account', 'RFC 6120 §8.1.2.1', [...account, ...self], answers('error', 'Juliet@Example.com')],
  ['result from ourselves', 'RFC 6120 §8.2.3', self, answers('result', 'juliet@example.com/balcony')],
  ['result from our chamber', 'RFC 6120 §8.2.3', ['other resource'], answers('result', 'juliet@example.com/chamber')],
  ['result from our domain', 'RFC 6120 §8.2.3', server, answers('result', 'example.com')],
  ['result from a contact', 'RFC 6120 §8.2.3', contact, answers('result', 'romeo@example.net')],
  ['result from his resource', 'RFC 6120 §8.2.3', fullContact, answers('result', 'Romeo@example.net/orchard')],
  ['error from his resource', 'RFC 6120 §8.2.3', fullContact, answers('error', 'romeo@example.net/orchard')],
  ['result from his domain', 'RFC 6120 §8.2.3', ["contact's server"], answers('result', 'example.net')],
  ['error from his domain', 'RFC 6120 §8.2.3', ["contact's server"], answers('error', 'EXAMPLE.net')],
  ['ping', 'RFC 6120 §8.2.3', anyClient, asks('get', ping)],
  ['version', 'RFC 6120 §8.2.3', anyClient, asks('get', version)],
  ['disco#info', 'RFC 6120 §8.2.3', anyClient, asks('get', info)],
  ['disco#items', 'RFC 6120 §8.2.3', anyClient, asks('get', items)],
  ['an unknown question', 'RFC 6120 §8.4', anyClient, asks('set', unknown)],
  ['chat', 'RFC 6121 §5.2.2', anyClient, says("type='chat'")],
  ['groupchat', 'RFC 6121 §5.2.2', anyClient, says("type='groupchat'")],
  ['normal', 'RFC 6121 §5.2.2', anyClient, says('')],
  ['bounce of what we sent', 'RFC 6120 §8.3.1', [...account, ...server, ...onTheWay], bounces],
  ['bounce of what we did not', 'RFC 6120 §8.3.1', nobody, bouncesUnsent],
  ['available', 'RFC 6121 §4.2.4', contactAnywhere, comes],
  ['unavailable', 'RFC 6121 §4.5.4', [...contact, ...fullContact], goes('unavailable')],
  ['error for presence', 'RFC 6121 §4.7.1', nobody, goes('error')],
  ['capabilities, announced', 'XEP-0115 §6.2', contactAnywhere, announces],
  ['capabilities, told', 'RFC 6120 §8.2.3', fullContact, tellsCapabilities],
  ['subscribe', 'RFC 6121 §3.1.4', anyClient, wantsToSee],
  ['subscribed, told', 'RFC 6121 §3.1.6', anyClient, tells('subscribed')],
  ['unsubscribed, told', 'RFC 6121 §3.2.3', anyClient, tells('unsubscribed')],
  ['unsubscribe, told', 'RFC 6121 §3.3.3', anyClient, tells('unsubscribe')],
  // What we may see is what the roster says, which a push changes.
  ['subscribed, believed', 'RFC 6121 §3.1.6', nobody, subscribes('subscribed', 'both')],
  ['unsubscribed, believed', 'RFC 6121 §3.2.3', nobody, subscribes('unsubscribed', 'both')],
  ['probe', 'RFC 6121 §4.3', nobody, probes],
]

const componentWays: readonly Way<Component>[] = [
  ['roster push', 'XEP-0114: there is no roster', nobody, pushes],
  ['result from ourselves', 'RFC 6120 §8.2.3', self, answers('result', 'pbx.example.com')],
  ['result from our server', 'RFC 6120 §8.2.3', server, answers('result', 'example.com')],
  ['error from our server', 'RFC 6120 §8.2.3', server, answers('error', 'example.com')],
  ['result from a contact', 'RFC 6120 §8.2.3', contact, answers('result', 'Romeo@example.net')],
  ['result from his resource', 'RFC 6120 §8.2.3', fullContact, answers('result', 'romeo@example.net/orchard')],
  ['error from his resource', 'RFC 6120 §8.2.3', fullContact, answers('error', 'romeo@example.net/orchard')],
  ['result from his domain', 'RFC 6120 §8.2.3', ["contact's server"], answers('result', 'example.net')],
  ['result from our own user', 'RFC 6120 §8.2.3', ['own user'], answers('result', '100@pbx.example.com')],
  ['ping', 'RFC 6120 §8.2.3', anyComponent, asks('get', ping)],
  ['version', 'RFC 6120 §8.2.3', anyComponent, asks('get', version)],
  ['disco#info', 'RFC 6120 §8.2.3', anyComponent, asks('get', info)],
  ['disco#items', 'RFC 6120 §8.2.3', anyComponent, asks('get', items)],
  ['an unknown question', 'RFC 6120 §8.4', anyComponent, asks('set', unknown)],
  ['chat', 'RFC 6121 §5.2.2', anyComponent, says("type='chat'")],
  ['groupchat', 'RFC 6121 §5.2.2', anyComponent, says("type='groupchat'")],
  ['bounce of what we sent', 'RFC 6120 §8.3.1', onTheWay, bounces],
  ['bounce of what we did not', 'RFC 6120 §8.3.1', nobody, bouncesUnsent],
  ['available', 'RFC 6121 §4.2.4', contactAnywhere, comes],
  ['unavailable', 'RFC 6121 §4.5.4', [...contact, ...fullContact], goes('unavailable')],
  ['error for presence', 'RFC 6121 §4.7.1', nobody, goes('error')],
  ['capabilities, announced', 'XEP-0115 §6.2', contactAnywhere, announces],
  ['capabilities, told', 'RFC 6120 §8.2.3', fullContact, tellsCapabilities],
  ['subscribe', 'RFC 6121 §3.1.3', anyComponent, wantsToSee],
  ['subscribed, told', 'RFC 6121 §3.1.6', anyComponent, tells('subscribed')],
  ['unsubscribed, told', 'RFC 6121 §3.2.3', anyComponent, tells('unsubscribed')],
  ['unsubscribe, told', 'RFC 6121 §3.3.3', anyComponent, tells('unsubscribe')],
  ['subscribed, believed', 'RFC 6121 §3.1.6', contactAnywhere, subscribes('subscribed', 'none')],
  ['unsubscribed, believed', 'RFC 6121 §3.2.3', contactAnywhere, subscribes('unsubscribed', 'to')],
  ['probe', 'RFC 6121 §4.3', anyComponent, probes],
  ['registration', 'XEP-0077 §3.1', contactAnywhere, registers],
  ['end of a registration', 'XEP-0077 §3.2', contactAnywhere, leaves],
]

// ── whom they mean ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** What a server may bring to a component, and whether it is for it: XEP-0114 §3, RFC 6120 §8.1.1. */
const tos: readonly (readonly [to: string | undefined, whose?: 'domain' | 'user'])[] = [
  ['pbx.example.com', 'domain'],
  ['PBX.Example.COM', 'domain'],
  ['pbx.example.com.', 'domain'],
  ['pbx.example.com/desk', 'domain'],
  ['100@pbx.example.com', 'user'],
  ['100@PBX.example.com/desk@100/x', 'user'],
  [undefined, 'domain'],
  ['example.com'],
  ['other.example.com'],
  ['below.pbx.example.com'],
  ['pbx.example.com.evil'],
  ['pbx.ex\u0430mple.com'],
  ['juliet@example.com'],
  ['juliet@example.com/pbx.example.com'],
  ['example.com/100@pbx.example.com'],
  [''],
  ['@pbx.example.com'],
  ['/pbx.example.com'],
  ['pbx.example.com/'],
  ['100@200@pbx.example.com'],
  ['1 0@pbx.example.com'],
  [' pbx.example.com'],
]

/** Some are for the domain alone: it keeps the books. */
const addressedWays: readonly (readonly [what: string, attempt: Attempt, only?: 'domain'])[] = [
  ['ping', asks('get', ping)],
  ['an unknown question', asks('set', unknown)],
  ['chat', says("type='chat'")],
  ['subscribe', wantsToSee],
  ['subscribed', tells('subscribed')],
  ['subscribed, believed', subscribes('subscribed', 'none'), 'domain'],
  ['unsubscribed, believed', subscribes('unsubscribed', 'to'), 'domain'],
  ['unsubscribe', tells('unsubscribe')],
  ['probe', probes],
  ['available', comes],
]

// ── the attempts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

async function pushes({ t, send, rest, account }: Stage, [from]: From): Promise<boolean> {
  const { id } = send(
    'iq',
    from,
    "type='set'",
    jid => `<query xmlns='jabber:iq:roster'><item jid='${jid}@example.org' subscription='both'/></query>`,
  )
  const [answer] = await rest()
  const known = account.buddies.get(`${id}@example.org`) !== undefined
  t.equal(answer?.attrs.type === 'result', known, 'acknowledged when it is taken')
  return known
}

/** An answer to what was asked there, which has it in its id. */
function answers(type: 'result' | 'error', to: string | undefined): Attempt {
  return async ({ t, session, rest, send }, [from]) => {
    const controller = new AbortController()
    let settled: string | undefined
    session.iq('get', to, el('q', 'urn:test'), { signal: controller.signal }).then(
      () => {
        settled = 'result'
      },
      error => {
        settled ??= error instanceof StanzaError ? 'error' : `${error}`
      },
    )
    const [asked] = await rest()
    send('iq', from, `type='${type}'`, () => '', asked?.attrs.id)
    await rest()
    const got = settled
    controller.abort()
    if (got !== undefined) t.equal(got, type)
    return got !== undefined
  }
}

/** Everyone who asks and can be told gets an answer, and no one else. */
function asks(type: 'get' | 'set', payload: string): Attempt {
  return async ({ t, rest, send, component, to }, [from]) => {
    const { id } = send('iq', from, `type='${type}'`, () => payload)
    const [answer, ...more] = await rest()
    t.equal(more.length, 0)
    if (answer === undefined) return false
    const { attrs } = answer
    t.strictSame([attrs.id, attrs.to, attrs.from], [id, from, component ? (to ?? 'pbx.example.com') : undefined])
    return true
  }
}

function says(attrs: string): Attempt {
  return async ({ t, rest, send, events, account }, [text, jid]) => {
    const before = account.inbox.size
    const { id } = send('message', text, attrs, id => `<body>${id}</body>`)
    t.strictSame(await rest(), [])
    const messages = events().flatMap(event => (event.type === 'message' ? [event.message] : []))
    t.equal(account.inbox.size, before + messages.length)
    for (const { from, body } of messages) t.strictSame([from, body], [jid, id], 'as from whom it is')
    return messages.length > 0
  }
}

async function bounces({ t, rest, send, events, account }: Stage, [from]: From): Promise<boolean> {
  const sent = await account.send('romeo@example.net/orchard', 'hello')
  await rest()
  send('message', from, "type='error'", () => '<body>hello</body>', sent)
  t.strictSame(await rest(), [])
  const told = events()
  for (const event of told) t.match(event, { type: 'bounce', to: 'romeo@example.net/orchard', id: sent })
  return told.length > 0
}

async function bouncesUnsent({ t, rest, send, events }: Stage, [from]: From): Promise<boolean> {
  send('message', from, "type='error'", () => '<body>hello</body>')
  t.strictSame(await rest(), [])
  return events().length > 0
}

/** Romeo, who was not there, is. */
async function comes({ t, rest, send, write, account, events }: Stage, [from, jid]: From): Promise<boolean> {
  write("<presence type='unavailable' from='romeo@example.net'/>")
  await rest()
  events()
  send('presence', from, '', () => '<show>dnd</show>')
  await rest()
  const there = account.status('romeo@example.net') === 5
  const told = events()
  t.equal(told.length, there ? 1 : 0)
  for (const event of told) t.match(event, { type: 'presence', from: jid, available: true, show: 'dnd' })
  return there
}

/** What somebody can do, which he announces and tells when he is asked. */
async function announces({ t, rest, send, write, account, to }: Stage, [from, jid]: From): Promise<boolean> {
  write("<presence type='unavailable' from='romeo@example.net'/>")
  send('presence', from, '', capsOf)
  const [asked, ...more] = await rest()
  t.equal(more.length, 0)
  if (asked === undefined) return false
  t.strictSame([asked.attrs.type, asked.attrs.to, asked.attrs.from], ['get', jid, to])
  send('iq', from, "type='result'", () => info.replace('/>', "><feature var='urn:test'/></query>"), asked.attrs.id)
  await rest()
  const resource = account.buddies.get(jid ?? '')?.resources.get(jid?.split('/')[1] ?? '')
  t.match(resource && account.capabilities(resource), { verified: false, info: { features: ['urn:test'] } })
  return true
}

/** Romeo announces something, and somebody says what it is. */
async function tellsCapabilities({ rest, send, write, account, clock }: Stage, [from]: From): Promise<boolean> {
  const orchard = 'romeo@example.net/orchard'
  write("<presence type='unavailable' from='romeo@example.net'/>")
  // He may announce only so much in a minute.
  await clock.advance(60_000)
  send('presence', orchard, '', capsOf)
  const [asked] = await rest()
  send('iq', from, "type='result'", () => info, asked?.attrs.id)
  await rest()
  const resource = account.buddies.get(orchard)?.resources.get('orchard')
  const told = resource !== undefined && account.capabilities(resource) !== undefined
  send('iq', orchard, "type='error'", () => '', asked?.attrs.id)
  await rest()
  return told
}

/** Of the legacy format, whose versions nobody can check. */
function capsOf(ver: string): string {
  return `<c xmlns='http://jabber.org/protocol/caps' node='urn:node' ver='${ver}'/>`
}

/** Who may is asked for presence then. */
async function registers({ t, rest, send, to }: Stage, [from, jid]: From): Promise<boolean> {
  send('iq', from, "type='set'", () => "<query xmlns='jabber:iq:register'/>")
  // Not at once.
  const [answer, ...more] = [...(await rest()), ...(await rest())]
  const done = answer?.attrs.type === 'result'
  t.strictSame(
    more.map(({ attrs }) => [attrs.type, attrs.to, attrs.from]),
    done ? [['subscribe', jid?.split('/')[0], to]] : [],
  )
  return done
}

/** What Romeo shows of himself is no longer his who has left. */
async function leaves({ rest, send, account }: Stage, [from]: From): Promise<boolean> {
  account.buddies.subscribed('romeo@example.net', true)
  send('iq', from, "type='set'", () => "<query xmlns='jabber:iq:register'><remove/></query>")
  await rest()
  await rest()
  return account.buddies.get('romeo@example.net')?.subscription === 'none'
}

/** Romeo, who was there, is not. */
function goes(type: 'unavailable' | 'error'): Attempt {
  return async ({ t, rest, send, write, account, events }, [from, jid]) => {
    write("<presence from='romeo@example.net/orchard'/>")
    await rest()
    events()
    send('presence', from, `type='${type}'`, () => '')
    await rest()
    const gone = account.status('romeo@example.net/orchard') === 6
    const told = events()
    t.equal(told.length, gone ? 1 : 0)
    for (const event of told) t.match(event, { type: 'presence', from: jid, available: false })
    return gone
  }
}

/** He is granted it who has asked, by his bare JID. */
async function wantsToSee({ t, rest, send, component, to }: Stage, [from, jid]: From): Promise<boolean> {
  send('presence', from, "type='subscribe'", () => '')
  const [granted, ...presence] = await rest()
  if (granted === undefined) return false
  const asked = component ? (to ?? 'pbx.example.com').split('/')[0] : undefined
  const asker = jid?.split('/')[0]
  // A component shows itself, and its domain wants to see a buddy in return; a client whomever it does not see yet.
  const shown = component ? [undefined] : []
  const back = component === (asker === 'romeo@example.net') && !asked?.includes('@')
  const more = back ? [...shown, 'subscribe'] : shown
  t.strictSame(
    [granted, ...presence].map(({ attrs }) => [attrs.type, attrs.to, attrs.from]),
    ['subscribed', ...more].map(type => [type, asker, asked]),
  )
  return true
}

/** Somebody is said to have done so. */
function tells(action: 'subscribed' | 'unsubscribed' | 'unsubscribe'): Attempt {
  return async ({ t, rest, send, events }, [text, jid]) => {
    send('presence', text, `type='${action}'`, () => '')
    await rest()
    const told = events()
    for (const event of told) t.strictSame(event, { type: 'subscription', from: jid, action })
    return told.length > 0
  }
}

/** What we may see of Romeo changes. @param before what there is at first */
function subscribes(action: 'subscribed' | 'unsubscribed', before: 'none' | 'to' | 'both'): Attempt {
  return async ({ rest, send, account }, [from]) => {
    const romeo = account.buddies.get('romeo@example.net')
    if (romeo === undefined) throw new Error('Romeo is no buddy')
    romeo.subscription = before
    send('presence', from, `type='${action}'`, () => '')
    await rest()
    return romeo.subscription !== before
  }
}

async function probes({ t, rest, send, to }: Stage, [from, jid]: From): Promise<boolean> {
  send('presence', from, "type='probe'", () => '')
  const [answer, ...more] = await rest()
  t.equal(more.length, 0)
  if (answer === undefined) return false
  const { attrs } = answer
  t.strictSame([attrs.type, attrs.to, attrs.from], [undefined, jid, (to ?? 'pbx.example.com').split('/')[0]])
  return true
}

// ── the stage ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** An account that is connected to a server which the test plays. */
interface Stage {
  readonly t: Test
  readonly component: boolean
  readonly account: Watched['account']
  readonly session: Session
  readonly clock: HandClock
  /** What a component's stanzas are addressed to; undefined is no `to`. */
  to: string | undefined
  /** Sends with the next `rest()`. */
  write(xml: string): void
  /** The same of a stanza, whose id is made up unless it is given. */
  send(
    name: string,
    from: string | undefined,
    attrs: string,
    content: (id: string) => string,
    id?: string,
  ): { id: string }
  /** What the account has sent by the time that it has seen to all it was sent. */
  rest(): Promise<Node[]>
  /** What it has told since the last call. */
  events(): AccountEvent[]
}

async function stage(t: Test, component: boolean): Promise<Stage & { connected(): void }> {
  const listening = await script(t)
  const config = (component ? componentConfig : clientConfig)(listening.port, 'keepalive=no\nbuddy=romeo@example.net')
  const clock = new HandClock()
  const { account, events, next } = watched(t, config, { clock })
  account.start()
  const { peer, play } = await listening.accept()
  const hello = `C: <presence to='romeo@example.net' from='pbx.example.com'><status>{any}</status><priority>1</priority><caps/></presence>
C: <presence type='subscribe' to='romeo@example.net' from='pbx.example.com'><status>{any}</status></presence>`
  await play(component ? attachment + hello : login("<item jid='romeo@example.net' subscription='both'/>"))
  await next('connected')
  const session = account.session as Session
  let count = 0
  let seen = events.length
  // Written at once, for TCP waits between two small writes.
  let waiting = ''
  const on: Stage = {
    t,
    component,
    account,
    session,
    clock,
    to: component ? 'pbx.example.com' : undefined,
    write(xml) {
      waiting += component ? xml.replace('<presence', "<presence to='pbx.example.com'") : xml
    },
    send(name, from, attrs, content, id = `n${++count}`) {
      const addresses = [
        ...(from === undefined ? [] : [`from='${from}'`]),
        ...(on.to === undefined ? [] : [`to='${on.to}'`]),
      ]
      waiting += `<${name} id='${id}' ${addresses.join(' ')} ${attrs}>${content(id)}</${name}>`
      return { id }
    },
    rest() {
      const id = `rest${++count}`
      const to = component ? " to='pbx.example.com'" : ''
      peer.write(`${waiting}<iq type='get' id='${id}' from='example.com'${to}>${ping}</iq>`)
      waiting = ''
      return until(peer, id)
    },
    events() {
      const told = events.slice(seen)
      seen = events.length
      return told
    },
  }
  const connected = (): void => {
    t.equal(account.state, 'Connected')
    t.equal(account.session, session)
    t.equal(listening.count, 1)
    t.notOk(events.some(({ type }) => type === 'offline'))
  }
  return Object.assign(on, { connected })
}

/** The account answers in order, so what comes before this answer is all there is. */
async function until(peer: Peer, id: string): Promise<Node[]> {
  const nodes: Node[] = []
  for (;;) {
    const got = await peer.next()
    if (got.type !== 'element') throw new Error(`wanted a stanza, got ${got.type}`)
    if (got.node.attrs.id === id) return nodes
    nodes.push(got.node)
  }
}

/** Each who may can, and each who may not cannot. */
function tryAll<Name extends string>(
  role: string,
  froms: Readonly<Record<Name, From>>,
  ways: readonly Way<Name>[],
): void {
  for (const [what, by, may, attempt] of ways) {
    t.test(`${role}: ${what}, ${by}`, async t => {
      const on = await stage(t, role === 'component')
      for (const [name, from] of Object.entries(froms) as [Name, From][]) {
        const can = await attempt(on, from)
        t.equal(can, may.includes(name), `${name}: ${from[0] ?? 'no from'} ${may.includes(name) ? 'may' : 'may not'}`)
        on.events()
      }
      on.connected()
    })
  }
}

tryAll('client', ofClient, clientWays)
tryAll('component', ofComponent, componentWays)

// ── events of PubSub by which other PBXes tell an account of their states ───────────────────────────────────────────────────

/** Whoever is not the service that is configured changes nothing of what others have said, whether it tells, takes back or asks. */
function trySharing<Name extends string>(
  component: boolean,
  froms: Readonly<Record<Name, From>>,
  may: readonly Name[],
): void {
  t.test(`${component ? 'component' : 'client'}: states of other PBXes, XEP-0060 §14`, async t => {
    const listening = await script(t)
    const clock = new HandClock()
    const bus = new StateBus({ eid: '02:00:00:00:00:01', clock })
    const config = (component ? componentConfig : clientConfig)(
      listening.port,
      'keepalive=no\nautoregister=no\ndistribute_events=yes\npubsub_node=example.net',
    )
    const { account, events, next } = watched(t, config, { clock, sharing: { bus } })
    account.start()
    const { peer, play } = await listening.accept()
    const jid = component ? 'pbx.example.com' : 'juliet@example.com'
    const addresses = component ? "to='example.net' from='pbx.example.com'" : "to='example.net'"
    const answered = component ? " to='pbx.example.com'" : ''
    const refused = ['device_state', 'message_waiting'].map(
      node =>
        `C: <iq type='set' id='{${node.slice(0, 3)}}' ${addresses}><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='${node}' jid='${jid}'/></pubsub></iq>
S: <iq type='error' id='{${node.slice(0, 3)}}' from='example.net'${answered}><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
`,
    )
    await play((component ? attachment : login()) + refused.join(''))
    await next('connected')
    let count = 0
    const say = (from: string | undefined, name: string, attrs: string, content: string): Promise<Node[]> => {
      const id = `say${++count}`
      const all = [from === undefined ? '' : `from='${from}'`, component ? "to='pbx.example.com'" : '', attrs]
      peer.write(
        `<${name} ${all.join(' ')}>${content}</${name}><iq type='get' id='${id}' from='example.com'${answered}>${ping}</iq>`,
      )
      return until(peer, id)
    }
    const told = (content: string): string =>
      `<event xmlns='http://jabber.org/protocol/pubsub#event'>${content}</event>`
    const inuse = (id: string): string =>
      told(
        `<items node='device_state'><item id='${id}'><state xmlns='http://asterisk.org' eid='02:00:00:00:00:02' cachable='1'>INUSE</state></item></items>`,
      )
    for (const [name, [from]] of Object.entries(froms) as [Name, From][]) {
      const wanted = may.includes(name)
      const before = events.length
      const device = `Custom:${count}-`
      for (const type of ["type='error'", '', "type='headline'"]) {
        await say(from, 'message', type, inuse(`${device}${type.length}`))
        const changed = bus.device(`${device}${type.length}`) !== undefined
        t.equal(changed, wanted && !type.includes('error'), `${name}: ${from ?? 'no from'} ${type}`)
      }
      await say('example.net', 'message', '', inuse('Custom:x'))
      t.equal(bus.device('Custom:x')?.state, 'INUSE')
      await say(from, 'message', '', told("<items node='device_state'><retract id='Custom:x'/></items>"))
      await clock.advance(1000)
      t.equal(bus.device('Custom:x') === undefined, wanted, `${name} takes back`)
      await say('example.net', 'message', '', inuse('Custom:x'))
      for (const word of ['purge', 'delete']) {
        await say('example.net', 'message', '', inuse('Custom:x'))
        await say(from, 'message', '', told(`<${word} node='device_state'/>`))
        t.equal(bus.device('Custom:x') === undefined, wanted, `${name}: ${word}`)
      }
      await say(from, 'message', '', told("<items node='device_state'><item/></items>"))
      const about = events.slice(before).flatMap(event => (event.type === 'skipped' ? event.reason : []))
      t.equal(about.length, wanted ? 1 : 0, `${name}: what cannot be read`)
    }
    t.equal(account.state, 'Connected')
    t.equal(listening.count, 1)
  })
}

trySharing(false, ofClient, ["contact's server"])
trySharing(true, ofComponent, ["contact's server"])

// ── events of PubSub, which are for programs and for no account ─────────────────────────────────────────────────────────────

type EventWay<Name> = readonly [
  what: string,
  by: string,
  may: readonly Name[],
  xep: (told: () => void) => Xep,
  content: string,
]

const tune = "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:test'/></event>"
const change =
  "<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscription jid='a@b' subscription='none'/></pubsub>"
const question = `<x xmlns='jabber:x:data' type='form'><field var='FORM_TYPE' type='hidden'>
<value>http://jabber.org/protocol/pubsub#subscribe_authorization</value></field><field var='pubsub#node'><value>urn:test</value></field>
<field var='pubsub#subscriber_jid'><value>a@b</value></field></x>`.replaceAll('\n', '')

/** Events of the service `example.net`. */
const ofService = (told: () => void): Xep => pubsubEvents({ from: jid => jid === 'example.net', onEvent: told })
/** Events of the contact's and of our own account. */
const ofKnown = (told: () => void): Xep =>
  pep({ 'urn:test': told }, { from: jid => jid === 'romeo@example.net' || jid === 'juliet@example.com' })
const ofAnyAccount = (told: () => void): Xep => pep({ 'urn:test': told })

const eventWays = [
  ['event of a service', 'XEP-0060 §14', ["contact's server"], ofService, tune],
  ['subscription told by a service', 'XEP-0060 §14', ["contact's server"], ofService, change],
  ['question of a service', 'XEP-0060 §8.6', ["contact's server"], ofService, question],
  ['event of a contact', 'XEP-0163 §4.3', [...account, ...contact], ofKnown, tune],
  [
    'event of any account',
    'RFC 6120 §8.1.2.1',
    [...account, ...contact, 'like account', 'stranger'],
    ofAnyAccount,
    tune,
  ],
  ['question of an account', 'XEP-0163: owners need not be asked', nobody, ofAnyAccount, question],
] as const satisfies readonly EventWay<Client>[]

const componentEventWays = [
  ['event of a service', 'XEP-0060 §14', ["contact's server"], ofService, tune],
  ['question of a service', 'XEP-0060 §8.6', ["contact's server"], ofService, question],
  ['event of a contact', 'XEP-0163 §4.3', contact, ofKnown, tune],
] as const satisfies readonly EventWay<Component>[]

function tryEvents<Name extends string>(
  component: boolean,
  froms: Readonly<Record<Name, From>>,
  ways: readonly EventWay<Name>[],
): void {
  for (const [what, by, may, xep, content] of ways) {
    t.test(`${component ? 'component' : 'client'}: ${what}, ${by}`, async t => {
      let count = 0
      const { session, peer } = await openSession({ component, xeps: [xep(() => count++)] })
      for (const [name, [from]] of Object.entries(froms) as [Name, From][]) {
        const addresses = [from === undefined ? '' : `from='${from}'`, component ? "to='pbx.example.com'" : '']
        for (const type of ['', "type='headline'", "type='error'"]) {
          const before = count
          peer.write(`<message ${addresses.join(' ')} ${type}>${content}</message>`)
          await settled()
          const can = count > before
          t.equal(can, may.includes(name) && !type.includes('error'), `${name}: ${from ?? 'no from'} ${type}`)
        }
      }
      t.ok(session.writable)
    })
  }
}

tryEvents(false, ofClient, eventWays)
tryEvents(true, ofComponent, componentEventWays)

for (const [what, attempt, only] of addressedWays) {
  t.test(`component: ${what}, by whom it is for`, async t => {
    const on = await stage(t, true)
    for (const [to, whose] of tos) {
      on.to = to
      t.equal(
        await attempt(on, ['romeo@example.net/orchard', 'romeo@example.net/orchard']),
        whose !== undefined && (only ?? whose) === whose,
        `to ${to ?? 'nobody'}`,
      )
      on.events()
    }
    on.connected()
  })
}

t.test('a client takes whatever its server brings it: to whom it is addressed is the business of servers', async t => {
  const on = await stage(t, false)
  for (const to of [undefined, 'juliet@example.com', 'juliet@example.com/balcony', 'pbx.example.org', 'a@@b', '']) {
    on.to = to
    for (const attempt of [asks('get', ping), says("type='chat'"), comes]) {
      t.ok(await attempt(on, ['romeo@example.net/orchard', 'romeo@example.net/orchard']), `to ${to ?? 'nobody'}`)
      on.events()
    }
  }
  on.connected()
})
