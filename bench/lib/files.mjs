import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const results = new URL('../results/', import.meta.url)
const page = new URL('../../docs/performance.md', import.meta.url)
const END = '<!-- end -->'

/** Keeps the numbers behind a table. */
export function save(name, numbers) {
  mkdirSync(results, { recursive: true })
  writeFileSync(new URL(`${name}.json`, results), `${JSON.stringify(numbers, undefined, 1)}\n`)
}

/**
 * Puts a report into the page about performance, in place of the last one.
 * @param command what writes it, as the page names it
 */
export function publish(report, command = 'npm run bench -- --write') {
  const text = readFileSync(page, 'utf8')
  const mark = `<!-- written by \`${command}\` -->`
  const begin = text.indexOf(mark)
  const end = text.indexOf(END, begin)
  if (begin < 0 || end < 0) throw new Error(`docs/performance.md has no place for a report between ${mark} and ${END}`)
  writeFileSync(page, `${text.slice(0, begin)}${mark}\n\n${report}\n\n${text.slice(end)}`)
}

/**
 * Gives some work a folder that is gone afterwards, whatever becomes of it.
 * @param parent where it is made
 */
export async function inFolder(parent, work) {
  const folder = mkdtempSync(join(parent, 'res-xmpp-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.on('exit', remove)
  try {
    return await work(folder)
  } finally {
    remove()
    process.off('exit', remove)
  }
}
