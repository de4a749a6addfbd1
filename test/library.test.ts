import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import t from 'tap'

const root = new URL('..', import.meta.url)

/** Runs a program as a user's own module would run, and returns the JSON it prints. */
async function evaluate(program: string): Promise<unknown> {
  // tap puts options into the environment of every child, by which Node loads modules of tap's that listen for signals.
  const args = ['-u', 'NODE_OPTIONS', process.execPath, '--input-type=module', '-e', program]
  const { stdout } = await promisify(execFile)('env', args, { cwd: root })
  return JSON.parse(stdout)
}

/** A file of dist/ and those it cannot be loaded without. */
function filesBehind(file: string, found = new Set<string>()): string[] {
  if (!found.has(file)) {
    found.add(file)
    const imports = readFileSync(new URL(file, root), 'utf8').matchAll(
      /^(?:import|export|\}) ?(?:.*from )?"(\..*)";$/gm,
    )
    for (const [, path = ''] of imports) filesBehind(new URL(path, new URL(file, 'file:/')).pathname.slice(1), found)
  }
  return [...found]
}

t.test('importing the library touches nothing and loads no XML parser', async t => {
  const seen = await evaluate(`
    import { createRequire } from 'node:module'
    const cached = () => Object.keys(createRequire(import.meta.url).cache).filter(path => /node_modules.(sax|saslprep|ini)\\b/.test(path))
    const before = process.eventNames().map(name => [String(name), process.listenerCount(name)])
    const library = await import('res-xmpp')
    const after = process.eventNames().map(name => [String(name), process.listenerCount(name)])
    const handles = process.getActiveResourcesInfo().filter(name => /Timeout|Immediate|TCP|TLS/.test(name))
    const first = cached()
    const { Parser } = await import('res-xmpp/stream')
    new Parser()
    const ours = cached()
    new Parser({ tokenizer: 'sax' })
    console.log(JSON.stringify({ before, after, handles, first, ours, then: cached().map(path => path.replace(/.*node_modules/, '')) }))
  `)
  const { before, after, handles, first, ours, then } = seen as Record<string, unknown[]>
  t.same(after, before, 'no listener on the process')
  t.same(handles, [], 'no timer, no socket')
  t.same(first, [], 'no dependency loaded')
  t.same(ours, [], 'nor by a parser')
  t.match(then, [/sax/], 'sax comes with the parser that is to use it')
})

t.test('importing it is quick: few files, and nothing of Node that only a connection needs', async t => {
  const opened = async (door: string): Promise<string[]> => {
    const loaded = `await import('${door}'); console.log(JSON.stringify(process.moduleLoadList))`
    return (await evaluate(loaded)) as string[]
  }
  const [library, config] = [await opened('res-xmpp'), await opened('res-xmpp/config')]
  t.ok(library.includes('NativeModule fs'), 'the list is what it was')
  // Where one of these is needed, src/builtin.ts or an import() in a function has it.
  const dear = ['net', 'tls', 'dns', 'dns/promises', 'http', 'https', 'crypto', 'stream'].map(
    name => `NativeModule ${name}`,
  )
  for (const name of dear) t.notOk(library.includes(name), name)
  for (const name of dear) t.notOk(config.includes(name), `${name}, for the configuration`)

  // Each file costs more than what is in it: scripts/build.ts has the groups.
  const files = filesBehind('dist/index.js')
  t.ok(files.length > 1)
  t.ok(files.length <= 8, files.join(' '))
  t.ok(filesBehind('dist/daemon/main.js').length <= 4, 'nor does the command wait for what it may not need')
})

t.test('behind all doors is the same code, and classes have their names', async t => {
  const [same, names] = (await evaluate(`
    const [library, stream] = [await import('res-xmpp'), await import('res-xmpp/stream')]
    const shared = Object.keys(stream).filter(name => name in library)
    const { StanzaError, StreamError, SaslError, Element } = library
    const thrown = [new StreamError('reset'), new SaslError('aborted', 'x')].map(({ name }) => name)
    const names = [...thrown, ...[StanzaError, StreamError, SaslError, Element].map(({ name }) => name)]
    console.log(JSON.stringify([shared.map(name => [name, stream[name] === library[name]]), names]))
  `)) as [[string, boolean][], string[]]
  t.ok(same.length > 3)
  for (const [name, identical] of same) t.ok(identical, name)
  t.same(names, ['StreamError', 'SaslError', 'StanzaError', 'StreamError', 'SaslError', 'Element'])
})

t.test('every door of the package opens, and has types', async t => {
  const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  const doors = Object.keys(exports)
    .filter(door => door !== './package.json')
    .map(door => door.replace(/^\./, 'res-xmpp').replace('*', '0199-ping'))
  const program = `
    const names = {}
    for (const door of ${JSON.stringify(doors)}) names[door] = Object.keys(await import(door)).length
    console.log(JSON.stringify(names))`
  const names = (await evaluate(program)) as Record<string, number>
  for (const door of doors) t.ok((names[door] ?? 0) > 0, door)
  for (const { types } of Object.values(exports) as { types?: string }[]) {
    if (types !== undefined) t.ok(readFileSync(new URL(types.replace('*', '0199-ping'), root)).length > 0, types)
  }
})

t.test('the runtime dependencies are the three we chose', async t => {
  const { dependencies } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  t.same(Object.keys(dependencies), ['ini', 'saslprep', 'sax'])
})
