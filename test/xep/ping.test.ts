import t from 'tap'
import { keepalive, ping, sendPing } from '../../src/xep/0199-ping.ts'
import { settled } from '../helper/pair.ts'
import { rejects } from '../helper/rejects.ts'
import { openSession, stuff } from '../helper/session.ts'
import { playText } from '../helper/transcript.ts'

const SILENCE = 50_000
const PATIENCE = 15_000

t.test('XEP-0199 §4.1: asked', async () => {
  const { far, peer } = await openSession({ xeps: [ping] })
  await playText(
    far,
    `
S: <iq from='capulet.lit' to='juliet@example.com/balcony' id='s2c1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>
C: <iq to='capulet.lit' id='s2c1' type='result'/>
S: <iq from='capulet.lit' id='s2c2' type='set'><ping xmlns='urn:xmpp:ping'/></iq>
C: <iq to='capulet.lit' id='s2c2' type='error'><error type='cancel'>
  <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
    'ping',
    { peer },
  )
})

t.test('XEP-0199 §4.2: asking; an error is an answer', async t => {
  const { session, far, peer, clock } = await openSession()
  for (const answer of ["type='result'/>", "type='error'><error type='cancel'/></iq>"]) {
    const asked = sendPing(session, 'example.com')
    await playText(far, "C: <iq type='get' id='{id}' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>", 'ping', {
      peer,
    })
    await clock.advance(120)
    const id = /id='([^']+)'/.exec(`${peer.chunks.at(-1)}`)?.[1]
    peer.write(`<iq from='example.com' id='${id}' ${answer}`)
    t.equal(await asked, 120, 'the round trip in ms')
  }
  const late = sendPing(session, 'example.com', { timeout: 10 })
  late.catch(() => {})
  await clock.advance(10)
  await rejects(t, late, { code: 'XMPP_TIMEOUT' })
  session.stream.destroy()
  await rejects(t, sendPing(session, 'example.com'), { code: 'XMPP_STREAM_ENDED' })
})

/** A session with a keepalive; `pings` are the ids it has sent so far. */
async function kept(component = false) {
  const opened = await openSession({ component, xeps: [ping] })
  const stop = keepalive(opened.session, { silence: SILENCE, patience: PATIENCE })
  const pings = (): string[] =>
    [
      ...Buffer.concat(opened.peer.chunks)
        .toString()
        .matchAll(/<iq type='get'[^>]* id='([^']+)'/g),
    ].map(match => `${match[1]}`)
  return { ...opened, stop, pings }
}

t.test('silence is asked about, and an answer is enough', async t => {
  const { clock, peer, pings, stream } = await kept()
  await clock.advance(SILENCE - 1)
  t.equal(pings().length, 0)
  await clock.advance(1)
  t.equal(pings().length, 1)
  await clock.advance(PATIENCE - 1)
  peer.write(`<iq type='result' id='${pings()[0]}'/>`)
  await clock.advance(SILENCE - 1)
  t.equal(pings().length, 1)
  await clock.advance(2)
  t.equal(pings().length, 2, 'and asked about again')
  t.notOk(stream.over)
})

t.test('an error for an answer is life too', async t => {
  const { clock, peer, pings, stream } = await kept()
  await clock.advance(SILENCE)
  peer.write(
    `<iq type='error' id='${pings()[0]}'><error type='cancel'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  )
  await clock.advance(PATIENCE + 1)
  t.notOk(stream.over)
  await clock.advance(SILENCE)
  t.equal(pings().length, 2)
})

t.test('no answer ends the stream', async t => {
  const { clock, near, running, stream } = await kept()
  await clock.advance(SILENCE)
  await clock.advance(PATIENCE - 1)
  t.notOk(stream.over)
  await clock.advance(1)
  t.ok(stream.over)
  t.ok(near.destroyed)
  await rejects(t, running, { code: 'XMPP_PING_TIMEOUT', message: /15000 ms/, cause: { code: 'XMPP_TIMEOUT' } })
  t.equal(clock.pending, 0)
})

t.test('where nothing more can be sent, not even a question, it waits as long', async t => {
  const { clock, session, far, peer, stream, running } = await kept()
  stuff({ session, far })
  await settled()
  await clock.advance(SILENCE + PATIENCE - 1)
  t.notOk(stream.over)
  peer.write(' ')
  await settled()
  await clock.advance(SILENCE)
  t.notOk(stream.over, 'what comes of itself is a sign of life')
  await clock.advance(SILENCE + PATIENCE)
  await rejects(t, running, { code: 'XMPP_PING_TIMEOUT', cause: { code: 'XMPP_SEND_LIMIT' } })
})

t.test('whatever arrives puts the question off', async t => {
  const { clock, peer, pings } = await kept()
  for (const sign of [' ', "<message from='a@b'/>", '<pres']) {
    await clock.advance(SILENCE - 1)
    peer.write(sign)
    await settled()
  }
  await clock.advance(SILENCE - 1)
  t.equal(pings().length, 0)
  await clock.advance(1)
  t.equal(pings().length, 1)
})

t.test('whatever arrives while we wait is as good as the answer', async t => {
  const { clock, peer, stream, pings } = await kept()
  await clock.advance(SILENCE)
  await clock.advance(1)
  peer.write(' ')
  await clock.advance(PATIENCE)
  t.notOk(stream.over)
  await clock.advance(SILENCE)
  t.equal(pings().length, 2)
})

t.test('stopped', async t => {
  const quiet = await kept()
  quiet.stop()
  t.equal(quiet.clock.pending, 0)
  await quiet.clock.advance(SILENCE + PATIENCE)
  t.equal(quiet.pings().length, 0)

  const asking = await kept()
  await asking.clock.advance(SILENCE)
  asking.stop()
  await asking.clock.advance(PATIENCE)
  t.notOk(asking.stream.over, 'even a question that is out does no harm any more')
  await asking.clock.advance(SILENCE)
  t.equal(asking.pings().length, 1)
})

t.test('a stream that has ended is not asked', async t => {
  const { clock, stream, pings } = await kept()
  stream.destroy()
  await clock.advance(SILENCE + PATIENCE)
  t.equal(pings().length, 0)
  t.equal(clock.pending, 0)
})

t.test('a component asks itself, by way of its server', async t => {
  const { clock, far, peer, stream } = await kept(true)
  await clock.advance(SILENCE)
  await playText(
    far,
    `
C: <iq type='get' id='{id}' from='pbx.example.com' to='pbx.example.com'><ping xmlns='urn:xmpp:ping'/></iq>
S: <iq type='get' id='{id}' from='pbx.example.com' to='pbx.example.com'><ping xmlns='urn:xmpp:ping'/></iq>
C: <iq type='result' id='{id}' from='pbx.example.com' to='pbx.example.com'/>
S: <iq type='result' id='{id}' from='pbx.example.com' to='pbx.example.com'/>`,
    'component ping',
    { peer },
  )
  await clock.advance(PATIENCE)
  t.notOk(stream.over)
})
