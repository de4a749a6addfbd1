import { readFileSync } from 'node:fs'
import t from 'tap'
import { documentOptions } from '../../src/config/document.ts'
import { options } from '../../src/config/options.ts'

t.test('docs/xmpp-conf.md is what the table says now; `npm run docs` writes it', async t => {
  const file = readFileSync(new URL('../../docs/xmpp-conf.md', import.meta.url), 'utf8')
  t.equal(file, documentOptions())
  for (const name of Object.keys(options)) t.match(file, `\`${name}\``)
})
