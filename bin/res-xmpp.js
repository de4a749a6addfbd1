#!/usr/bin/env node
import { existsSync } from 'node:fs'

const main = new URL('../dist/daemon/main.js', import.meta.url)
if (existsSync(main)) await import(main.href)
else {
  process.stderr.write('res-xmpp: not built yet; run `npm ci` in its folder\n')
  process.exitCode = 1
}
