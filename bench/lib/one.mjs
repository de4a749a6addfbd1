// node --expose-gc lib/one.mjs PEER SCENARIO JSON: one peer in one scenario in a process of its own; its numbers as JSON on stdout.
import { Counted } from './counted.mjs'

const [peerName, scenario, json] = process.argv.slice(2)
const { ports, ...parameters } = JSON.parse(json)
const { peer } = await import(`../peers/${peerName}.mjs`)
const { run } = await import(`../scenarios/${scenario}.mjs`)

/**
 * Connects and logs in; no two connections of a process have the same number.
 * @param where an offer of the server's, and whether to go through its proxy: `near` without delay, `far` with
 */
async function open(number, { offer = peer.offer, via = 'port' } = {}) {
  const connection = await peer.connect({
    host: '127.0.0.1',
    port: ports[offer][via],
    domain: peer.offer === 'component' ? `comp${number}.localhost` : 'localhost',
    username: 'bench',
    password: 'pw',
    secret: 'secret',
    // With Bind 2 the server makes it up.
    resource: offer.endsWith('SASL2') ? undefined : `r${number}`,
    tls: offer.startsWith('starttls') ? 'starttls' : /^direct|TLS$/.test(offer) ? 'direct' : undefined,
  })
  return new Counted(connection)
}

/** Stanzas of so many for everyone: whoever is slow shows it with a part of them, and their rate is what counts. */
const share = count => Math.round(count * (peer.share ?? 1))

const numbers = await run({ peer, open, share }, parameters)
process.stdout.write(JSON.stringify(numbers), () => process.exit(0))
