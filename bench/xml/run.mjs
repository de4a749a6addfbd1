// node xml/run.mjs [--rounds N] [--only TEXT]: the XML readers alone; prints a table of medians and ratios.
import { parseArgs } from 'node:util'
import { save } from '../lib/files.mjs'
import { compareReaders, readersTable } from './compare.mjs'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, only: { type: 'string', default: '' } },
})
const results = compareReaders({ rounds: Number(values.rounds), only: values.only })
console.log(`CPU time for each stanza in µs (and how many times ours)\n\n${readersTable(results)}`)
save('xml', results)
