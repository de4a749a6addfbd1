import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const results = new URL('../results/', import.meta.url)
const page = new URL('../../docs/performance.md', import.meta.url)
const BEGIN = '<!-- written by `npm run bench -- --write` -->'
const END = '<!-- end -->'

/** Keeps the numbers behind a table. */
export function save(name, numbers) {
  mkdirSync(results, { recursive: true })
  writeFileSync(new URL(`${name}.json`, results), `${JSON.stringify(numbers, undefined, 1)}\n`)
}

/** Puts a report into the page about performance, in place of the last one. */
export function publish(report) {
  const text = readFileSync(page, 'utf8')
  const begin = text.indexOf(BEGIN) + BEGIN.length
  const end = text.indexOf(END)
  if (end < begin) throw new Error(`docs/performance.md has no place for a report between ${BEGIN} and ${END}`)
  writeFileSync(page, `${text.slice(0, begin)}\n\n${report}\n\n${text.slice(end)}`)
}
