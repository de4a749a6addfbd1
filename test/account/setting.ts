import type { Socket } from 'node:net'
import type { Test } from 'tap'
import { Account, type AccountEnvironment } from '../../src/account/account.ts'
import type { AccountEvent, AccountState } from '../../src/account/events.ts'
import { type AccountConfig, loadConfig } from '../../src/config/index.ts'
import { memory } from '../config/memory.ts'
import { HandClock } from '../helper/clock.ts'
import { listen } from '../helper/listen.ts'
import { Peer } from '../helper/peer.ts'
import { playText } from '../helper/transcript.ts'
import { Waiters } from '../helper/waiters.ts'

/** The accounts of an xmpp.conf, which must be without errors. */
export function accounts(text: string, ca = ''): readonly AccountConfig[] {
  const { accounts, problems } = loadConfig('/c/xmpp.conf', memory({ '/c/xmpp.conf': text, '/c/ca.pem': ca }))
  const errors = problems.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new Error(errors.map(({ line, message }) => `${line}: ${message}`).join('\n'))
  return accounts
}

/** A client in clear on a port of this machine. Later lines win over earlier ones. */
export function clientConfig(port: number, lines = '', name = 'asterisk'): AccountConfig {
  const basics = `username=juliet@example.com/balcony\nsecret=secret\nserverhost=127.0.0.1\nport=${port}\nusetls=no`
  return accounts(`[${name}]\n${basics}\n${lines}\n`)[0] as AccountConfig
}

/** A component in clear on a port of this machine. */
export function componentConfig(port: number, lines = ''): AccountConfig {
  const basics = `type=component\nusername=pbx.example.com\nsecret=secret\nserverhost=127.0.0.1\nport=${port}\nusetls=no`
  return accounts(`[asterisk]\n${basics}\n${lines}\n`)[0] as AccountConfig
}

/** An account, and all that it has told. */
export interface Watched {
  readonly account: Account
  /** Everything but debug events. */
  readonly events: AccountEvent[]
  readonly states: AccountState[]
  /** Resolves once there has been such an event, counting from the last call's. */
  next<T extends AccountEvent['type']>(
    type: T,
    fits?: (event: Extract<AccountEvent, { type: T }>) => boolean,
  ): Promise<Extract<AccountEvent, { type: T }>>
}

const types = [
  'state',
  'connected',
  'offline',
  'presence',
  'message',
  'bounce',
  'failed',
  'subscription',
  'pruned',
  'warning',
  'notice',
  'skipped',
] as const

/** An account that is stopped when the test is over, and all that it tells. */
export function watched(t: Test, config: AccountConfig, environment?: AccountEnvironment): Watched {
  const account = new Account(config, environment)
  t.teardown(async () => {
    const stopped = account.stop()
    // A played server need not answer.
    if (environment?.clock instanceof HandClock) await environment.clock.advance(5000)
    await stopped
  })
  return watch(account)
}

/** The same for an account that somebody else stops. */
export function watch(account: Account): Watched {
  const events: AccountEvent[] = []
  const states: AccountState[] = []
  const waiters = new Waiters()
  const seen = new Map<string, number>()
  for (const type of types) {
    account.on(type, event => {
      events.push(event)
      if (event.type === 'state') states.push(event.state)
      waiters.wake()
    })
  }
  const next = <T extends AccountEvent['type']>(
    type: T,
    fits: (event: Extract<AccountEvent, { type: T }>) => boolean = () => true,
  ): Promise<Extract<AccountEvent, { type: T }>> =>
    waiters.until(
      () => {
        const at = events.findIndex(
          (event, index) => index >= (seen.get(type) ?? 0) && event.type === type && fits(event as never),
        )
        if (at < 0) return undefined
        seen.set(type, at + 1)
        return events[at] as Extract<AccountEvent, { type: T }>
      },
      () => `after ${states.join(', ')} no ${type}`,
    )
  return { account, events, states, next }
}

/** Where a test plays the server. */
export interface Script {
  readonly port: number
  /** The next connection, as the other side of which the test plays; what one dialogue learns the next one knows, but for `{id}`. */
  accept(): Promise<{ peer: Peer; socket: Socket; play(dialogue: string): Promise<void> }>
  /** Connections there have been. */
  readonly count: number
}

/** A listener on this machine whose connections the test itself talks to. */
export async function script(t: Test): Promise<Script> {
  const waiting: Socket[] = []
  const arrivals = new Waiters()
  let count = 0
  const { port } = await listen(t, socket => {
    count++
    waiting.push(socket)
    arrivals.wake()
  })
  return {
    port,
    get count() {
      return count
    },
    async accept() {
      const socket = await arrivals.until(
        () => waiting.shift(),
        () => 'no connection',
      )
      const peer = new Peer(socket)
      const words = new Map<string, string>()
      return {
        peer,
        socket,
        async play(dialogue) {
          // What asks in each of them is called so.
          words.delete('id')
          await playText(socket, dialogue.replaceAll('<caps/>', caps), 'dialogue', { peer, words })
        },
      }
    },
  }
}

const header = (id: string): string =>
  `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='${id}' from='example.com' version='1.0'>`

/** Up to the end of SASL; PLAIN of juliet and secret. */
export const authentication = `
C: <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>
S: ${header('a1')}
S: <stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>
C: <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>
S: <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
C: <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>
`
/** Up to the request for a resource. */
export const binding = `
S: ${header('a2')}
S: <stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>
C: <iq type='set' id='{any}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>
`
/** The resource, and the request for the roster. */
export const bound = `
S: <iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@example.com/balcony</jid></bind></iq>
C: <iq type='get' id='{roster}'><query xmlns='jabber:iq:roster'/></iq>
`
/** The roster, its items as XML. */
export const roster = (items = ''): string =>
  `S: <iq type='result' id='{roster}'><query xmlns='jabber:iq:roster'>${items}</query></iq>\n`
/** The initial presence of an account that says nothing of it. */
export const presence = `C: <presence><status>Online and Available</status><priority>1</priority><caps/></presence>\n`

/** What the presence of an account ends in; the hashes were made by hand, with openssl. */
const capsOf = (ver: string): string =>
  `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://www.asterisk.org/xmpp/client/caps' ver='${ver}'/>`
export const clientCaps = capsOf('5t+Vh4r6VtOaneU7ptquR8OB4QE=')
export const componentCaps = capsOf('BKYucyTps5sK+JkAwC028LYNMuo=')

/** What `<caps/>` stands for in a dialogue: every available presence of ours says what we can do (XEP-0115). */
const caps = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='{any}' ver='{any}'/>"

/** All of a login up to the initial presence. */
export const login = (items = ''): string => authentication + binding + bound + roster(items) + presence

/** The attachment of the component with the secret `secret`. */
export const attachment = `
C: <stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='pbx.example.com'>
S: <stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='3BF96D32' from='pbx.example.com'>
C: <handshake xmlns='jabber:component:accept'>{any}</handshake>
S: <handshake/>
`
