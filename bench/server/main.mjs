// A fast XMPP server of canned replies on 127.0.0.1, in a process of its own. Tells its parent the ports and its CA, and ends with it.
import { once } from 'node:events'
import { createSecureContext } from 'node:tls'
import { makeCertificate } from '../../dist/testing/index.js'
import { proxy } from './proxy.mjs'
import { tcpServer } from './tcp.mjs'
import { webSocketServer } from './websocket.mjs'

const HOST = '127.0.0.1'
/** The proxies before each port, by the ms that they hold back what passes in each direction. */
const proxies = { near: 0, far: 25, farther: 100 }
const scram = { mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-1'] }

/** What there is to connect to; the scenarios name them. */
const offers = {
  client: { kind: 'client' },
  component: { kind: 'component' },
  websocket: { kind: 'websocket' },
  starttls: { kind: 'client', starttls: true, ...scram },
  'starttls, SASL2': { kind: 'client', starttls: true, sasl2: true, ...scram },
  direct: { kind: 'client', direct: true, ...scram },
  'direct, SASL2': { kind: 'client', direct: true, sasl2: true, ...scram },
  'websocket, TLS': { kind: 'websocket', direct: true, ...scram },
}

const certificate = makeCertificate({ names: ['localhost'], addresses: [HOST] })
const { cert, key, ca } = certificate
const context = createSecureContext({ cert, key })

async function listen(server) {
  server.listen({ host: HOST, port: 0, backlog: 4096 })
  await once(server, 'listening')
  return server.address().port
}

const ports = {}
for (const [name, offer] of Object.entries(offers)) {
  const server = offer.kind === 'websocket' ? webSocketServer(offer, certificate) : tcpServer(offer, context)
  const port = await listen(server)
  ports[name] = { port }
  for (const [via, delay] of Object.entries(proxies)) ports[name][via] = await listen(proxy(port, delay))
}
if (process.send === undefined) console.log(JSON.stringify(ports))
else {
  process.on('disconnect', () => process.exit(0))
  process.send({ ports, ca })
}
