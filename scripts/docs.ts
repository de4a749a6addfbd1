/** Writes the documentation that is made from the sources. `npm run docs` */
import { writeFileSync } from 'node:fs'
import { documentOptions } from '../src/config/document.ts'

writeFileSync(new URL('../docs/xmpp-conf.md', import.meta.url), documentOptions())
