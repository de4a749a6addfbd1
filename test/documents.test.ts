/** The programs in README.md and docs are what they seem to be: each is compiled as it stands, against the package as it is built. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What a reader gets from the text around a block stands before it in a comment: `<!-- with: declare const session: Session -->`. */
const block = /(?:<!-- with: ((?:(?!-->).)*) -->\n+)?```ts\n(.*?)^```$/gms

t.test('every block of TypeScript compiles', { timeout: 120_000 }, async t => {
  t.ok(existsSync(join(root, 'dist/index.d.ts')), 'run `npm run build` first')
  const directory = t.testdir({})
  const names: string[] = []
  for (const file of ['README.md', ...readdirSync(join(root, 'docs')).map(name => `docs/${name}`)]) {
    if (!file.endsWith('.md')) continue
    const text = readFileSync(join(root, file), 'utf8')
    for (const [whole, context = '', code = ''] of text.matchAll(block)) {
      const line = text.slice(0, text.indexOf(whole)).split('\n').length
      const name = `${basename(file, '.md')}-${line}.ts`
      // Where it is meant for the sources themselves.
      const source = code.replaceAll(/'\.\.\/(routes|stream\/element)\.ts'/g, "'res-xmpp'")
      writeFileSync(join(directory, name), `${context.replaceAll('; ', '\n')}\n${source}\nexport {}\n`)
      names.push(name)
    }
  }
  t.ok(names.length > 10, `${names.length} blocks`)
  const options = { extends: join(root, 'tsconfig.json'), compilerOptions: { noEmit: true }, include: ['*.ts'] }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(options))
  const output = await new Promise<string>(resolve => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    execFile(process.execPath, [tsc, '-p', directory, '--pretty', 'false'], (_, stdout) => resolve(stdout))
  })
  t.equal(output, '')
})
