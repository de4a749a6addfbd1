/**
 * Who may bring about what: every route of an account with every sender. A server stamps whom a stanza is from (RFC 6120 §8.1.2.1), so what stands there is
 * true as far as the server is; but it says nothing of whether that sender may do what the stanza would do.
 */
import t from 'tap'
import { el } from '../src/stream/element.ts'
import {
  attachment,
  clientConfig,
  componentConfig,
  login,
  presence,
  script,
  type Watched,
  watched,
} from './account/setting.ts'
import { HandClock } from './helper/clock.ts'
import { settled } from './helper/pair.ts'

const NS = 'urn:test'
const NS_ROSTER = 'jabber:iq:roster'

/** Senders, by what they are. An undefined one is not said. */
const senders = {
  none: undefined,
  'our bare JID': 'juliet@example.com',
  'our bare JID in capitals': 'JULIET@Example.COM',
  'our full JID': 'juliet@example.com/balcony',
  'another resource of ours': 'juliet@example.com/tower',
  'our server': 'example.com',
  'a resource of our server': 'example.com/x',
  'another user': 'mallory@example.com',
  'a resource of another user': 'mallory@example.com/balcony',
  'our buddy': 'bob@example.com/r',
  'another resource of our buddy': 'bob@example.com/other',
  'the bare JID of our buddy': 'bob@example.com',
  'another server': 'evil.example',
  'somebody of our name elsewhere': 'juliet@evil.example/balcony',
  'a domain that begins like ours': 'example.com.evil',
  'a user of a domain that begins like ours': 'juliet@example.com.evil',
  'our buddy in a domain that begins like his': 'bob@example.com.evil/r',
  'a JID that is none': '@',
  'nothing at all': '',
} as const
type Sender = keyof typeof senders

const ourselves: readonly Sender[] = ['none', 'our bare JID', 'our bare JID in capitals', 'our full JID']

/** One route: what is sent, who may send it, and how to tell that it has done something. */
interface Route {
  readonly name: string
  /** The paragraph that says who may. */
  readonly source: string
  readonly may: readonly Sender[]
  /** Gets ready, and returns what is sent with `from`, and whether that had an effect. */
  prepare(all: Played, from: string): Promise<{ stanza: string; had: () => boolean }>
}

interface Played extends Watched {
  /** Different each time. */
  readonly number: number
  /** What we have sent so far. */
  readonly sent: () => string
}

/** An answer to a request of ours. */
function answer(name: string, to: string | undefined, source: string, may: readonly Sender[], type = 'result'): Route {
  return {
    name,
    source,
    may,
    async prepare({ account, sent }, from) {
      let over = false
      const before = sent().length
      const session = account.session
      if (session === undefined) throw new Error('not connected')
      const end = (): void => {
        over = true
      }
      session.iq('get', to, el('q', NS), { timeout: 1e6 }).then(end, end)
      await settled()
      const id = /<iq [^>]*\bid='([^']+)'/.exec(sent().slice(before))?.[1]
      const error = `<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
      return { stanza: `<iq type='${type}' id='${id}'${from}>${type === 'error' ? error : ''}</iq>`, had: () => over }
    },
  }
}

const routes: readonly Route[] = [
  {
    name: 'a roster push',
    source: 'RFC 6121 §2.1.6; servers that push as their own domain are believed too',
    may: ['none', 'our bare JID', 'our bare JID in capitals', 'our server'],
    async prepare({ account, number }, from) {
      const jid = `c${number}@example.net`
      const query = `<query xmlns='${NS_ROSTER}'><item jid='${jid}' subscription='both'/></query>`
      return {
        stanza: `<iq type='set' id='push${number}'${from}>${query}</iq>`,
        had: () => account.buddies.get(jid) !== undefined,
      }
    },
  },
  {
    name: 'the removal of our buddy by a roster push',
    source: 'RFC 6121 §2.1.6',
    may: ['none', 'our bare JID', 'our bare JID in capitals', 'our server'],
    async prepare({ account, number }, from) {
      account.buddies.push({ jid: 'gone@example.com', name: '', subscription: 'both', asked: false })
      const query = `<query xmlns='${NS_ROSTER}'><item jid='gone@example.com' subscription='remove'/></query>`
      return {
        stanza: `<iq type='set' id='push${number}'${from}>${query}</iq>`,
        had: () => account.buddies.get('gone@example.com') === undefined,
      }
    },
  },
  answer('the answer of our own account', undefined, 'RFC 6120 §8.1.2.1, §10.3.3', [...ourselves, 'our server']),
  answer('its refusal', undefined, 'RFC 6120 §8.3.1', [...ourselves, 'our server'], 'error'),
  answer('the answer of our server', 'example.com', 'RFC 6120 §8.2.3', ['our server']),
  answer('the answer of our buddy', 'bob@example.com/r', 'RFC 6120 §8.2.3', ['our buddy']),
  answer('the refusal of our buddy', 'bob@example.com/r', 'RFC 6120 §8.2.3', ['our buddy'], 'error'),
  answer('the answer of a bare JID', 'bob@example.com', 'RFC 6120 §8.2.3', ['the bare JID of our buddy']),
  {
    name: 'the presence of our buddy',
    source: 'RFC 6121 §4.4.2',
    may: ['our buddy', 'another resource of our buddy', 'the bare JID of our buddy'],
    async prepare({ account }, from) {
      account.buddies.clearPresence()
      return { stanza: `<presence${from}/>`, had: () => account.status('bob@example.com') === 1 }
    },
  },
  {
    name: 'the leaving of our buddy',
    source: 'RFC 6121 §4.5.3; the bare JID stands for all resources',
    may: ['our buddy', 'the bare JID of our buddy'],
    async prepare({ account }, from) {
      account.buddies.clearPresence()
      account.buddies.presence('bob@example.com/r', el('presence', 'jabber:client'))
      return {
        stanza: `<presence type='unavailable'${from}/>`,
        had: () => account.status('bob@example.com/r') === 6,
      }
    },
  },
  {
    name: 'a message in the name of our buddy',
    source: 'RFC 6121 §5.2.1',
    may: ['our buddy', 'another resource of our buddy', 'the bare JID of our buddy'],
    async prepare({ account, number }, from) {
      let taken = false
      const controller = new AbortController()
      const waiting = account.receive('bob@example.com', 1e6, controller.signal)
      waiting.then(
        () => {
          taken = true
        },
        () => {},
      )
      return {
        stanza: `<message${from}><body>${number}</body></message>`,
        had: () => {
          controller.abort(new Error('enough'))
          return taken
        },
      }
    },
  },
  {
    name: 'the return of a message to our buddy',
    source: 'RFC 6120 §8.3: from whom it was for, or from a server on its way',
    may: ['none', 'our bare JID', 'our bare JID in capitals', 'our server', 'our buddy', 'the bare JID of our buddy'],
    async prepare({ account, events }, from) {
      const id = await account.send('bob@example.com/r', 'hello')
      const error = `<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
      return {
        stanza: `<message type='error' id='${id}'${from}><body>hello</body>${error}</message>`,
        had: () => events.some(event => event.type === 'bounce' && event.id === id),
      }
    },
  },
  {
    name: 'the end of our subscription',
    source: 'RFC 6121 §3.2.2: a client’s books are its server’s, and come as roster pushes',
    may: [],
    async prepare({ account }, from) {
      return {
        stanza: `<presence type='unsubscribed'${from}/>`,
        had: () => account.buddies.get('bob@example.com')?.subscription !== 'both',
      }
    },
  },
  {
    name: 'a request that nobody has a handler for, with an effect on the stream',
    source: 'RFC 6120 §8.2.3: whoever asks is answered, and that is all',
    may: [],
    async prepare({ account, number }, from) {
      const session = account.session
      return {
        stanza: `<iq type='set' id='x${number}'${from}><q xmlns='${NS}'/></iq>`,
        had: () => account.session !== session,
      }
    },
  },
]

/** All that has been sent so far, each chunk read once. */
function reader(chunks: readonly Uint8Array[]): () => string {
  let text = ''
  let read = 0
  return () => {
    for (; read < chunks.length; read++) text += Buffer.from(chunks[read] as Uint8Array).toString()
    return text
  }
}

t.test('a client account', async t => {
  const { port, accept } = await script(t)
  const all = watched(t, clientConfig(port, 'autoregister=no\nbuddy=bob@example.com'), { clock: new HandClock() })
  all.account.start()
  const { play, peer } = await accept()
  await play(login("<item jid='bob@example.com' subscription='both'/>"))
  await all.next('connected')
  const sent = reader(peer.chunks)
  let number = 0
  for (const route of routes) {
    await t.test(`${route.name} (${route.source})`, async t => {
      for (const [who, sender] of Object.entries(senders)) {
        const from = sender === undefined ? '' : ` from='${sender}'`
        const { stanza, had } = await route.prepare({ ...all, number: ++number, sent }, from)
        await through(stanza, number)
        t.equal(had(), route.may.includes(who as Sender), `${who}: ${sender}`)
      }
    })
  }
  t.equal(all.account.state, 'Connected')
  t.equal(all.states.filter(state => state === 'Connecting').length, 1, 'nothing of all that has ended the stream')
  t.equal(
    all.events.filter(event => event.type === 'warning' && event.text.includes('roster push')).length,
    1,
    'told once',
  )

  /** Until it has been dealt with. */
  async function through(stanza: string, at: number): Promise<void> {
    peer.write(`${stanza}<iq type='get' id='ping${at}' from='example.com'><ping xmlns='urn:xmpp:ping'/></iq>`)
    while (!sent().includes(`id='ping${at}'`)) await new Promise(resolve => setImmediate(resolve))
    await settled()
  }
})

t.test('a component account: its books are its own, and no one keeps them but the buddy himself', async t => {
  const { port, accept } = await script(t)
  const all = watched(t, componentConfig(port, 'autoregister=no\nbuddy=bob@example.com'), { clock: new HandClock() })
  all.account.start()
  const { play, peer } = await accept()
  await play(`${attachment}${presence.replace('<presence>', "<presence to='bob@example.com' from='pbx.example.com'>")}`)
  await all.next('connected')
  const subscription = (): string | undefined => all.account.buddies.get('bob@example.com')?.subscription
  const sent = reader(peer.chunks)
  let number = 0
  const effect = async (stanza: string): Promise<void> => {
    peer.write(
      `${stanza}<iq type='get' id='ping${++number}' from='example.com' to='pbx.example.com'><ping xmlns='urn:xmpp:ping'/></iq>`,
    )
    while (!sent().includes(`id='ping${number}'`)) await new Promise(resolve => setImmediate(resolve))
    await settled()
  }
  for (const [who, sender] of Object.entries(senders)) {
    const from = sender === undefined ? '' : ` from='${sender}'`
    const his = sender?.startsWith('bob@example.com') === true && !sender.includes('evil')
    all.account.buddies.subscribed('bob@example.com', false)
    await effect(`<presence type='subscribed'${from} to='pbx.example.com'/>`)
    t.equal(subscription() === 'to', his, `subscribed, ${who}`)
    all.account.buddies.subscribed('bob@example.com', true)
    await effect(`<presence type='unsubscribed'${from} to='pbx.example.com'/>`)
    t.equal(subscription() === 'none', his, `unsubscribed, ${who}`)
    const query = `<query xmlns='${NS_ROSTER}'><item jid='c@example.net' subscription='both'/></query>`
    await effect(`<iq type='set' id='push'${from} to='pbx.example.com'>${query}</iq>`)
    t.equal(all.account.buddies.get('c@example.net'), undefined, `a component has no roster, ${who}`)
  }
  // What is for others is no business of ours, whoever it is from.
  for (const to of ['example.com', 'x@pbx.example.com.evil', 'pbx.example.com.evil', '@', '']) {
    await effect(
      `<presence type='unavailable' from='bob@example.com' to='${to}'/><message from='bob@example.com/r' to='${to}'><body>x</body></message>`,
    )
    t.equal(all.account.inbox.size, 0, `to ${to}`)
  }
  t.equal(all.states.filter(state => state === 'Connecting').length, 1)
})
