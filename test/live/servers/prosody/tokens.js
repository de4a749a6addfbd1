// Usage: node tokens.js PORT CERTS. For Prosody's mod_auth_oauthbearer: GET /TOKEN is a 200 if the token is valid, else a 404.
// That module does not care whose token it is. Valid is what `issueToken` in servers.ts makes up: `token-` and anything.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

const [port, certs] = process.argv.slice(2)
const tls = { key: readFileSync(`${certs}/server.key`), cert: readFileSync(`${certs}/server.crt`) }
createServer(tls, ({ url }, response) => {
  response.writeHead(url.startsWith('/token-') ? 200 : 404).end()
}).listen(Number(port), '127.0.0.1')
