// Usage: node tokens.js PORT CERTS. For Prosody's mod_auth_oauthbearer: GET /TOKEN is 200 when the token is one, else 404.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

const [port, certs] = process.argv.slice(2)
const tokens = new Set(['alice', 'bob', 'carol', 'admin'].map(user => `token-${user}`))

createServer(
  { key: readFileSync(`${certs}/server.key`), cert: readFileSync(`${certs}/server.crt`) },
  (request, response) => {
    response.writeHead(tokens.has(request.url.slice(1)) ? 200 : 404).end()
  },
).listen(Number(port), '127.0.0.1')
