/**
 * Makes `dist/`: declarations by tsc, one beside each source, and JavaScript by esbuild, in few files. `npm run build`
 *
 * Node spends more on each file that it loads than on what is in it, so what is loaded together is one file. esbuild puts two modules
 * into one when the same entry points reach both; each entry point is therefore made to reach all of a group or nothing of it.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build, type Plugin } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What is one file each, as the modules of src/ that lead to all of it; what is in an earlier group stays there. */
const groups = [
  /** What everybody needs. */
  ['errors', 'printable', 'version', 'daemon/io', 'daemon/places'],
  /** What the readers of configurations need as well as the library. */
  ['jid', 'config/host', 'stream/identity'],
  /** The library. */
  ['index', 'stream/index', 'sasl/index', ...modulesOf('xep')],
]

/** How many of the groups an entry point has: whoever calls `res-xmpp rx` should not wait for the library. */
function groupsOf(entry: string): number {
  if (/^daemon\/(main|rx)$/.test(entry)) return 1
  return /^(config\/|daemon\/check$)/.test(entry) ? 2 : 3
}

/** Stands before each entry point, and before what is loaded later, a module that takes in its groups whole. */
const grouping: Plugin = {
  name: 'grouping',
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /^entry:/ }, ({ path }) => ({ path: path.slice('entry:'.length), namespace: 'entry' }))
    onResolve({ filter: /^\.{1,2}\// }, async ({ path, kind, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined
      const found = await resolve(path, { kind: 'import-statement', resolveDir })
      const module = relative('src', found.path).split(sep).join('/').replace(/\.ts$/, '')
      return found.errors.length > 0 ? found : { path: module, namespace: 'entry' }
    })
    onLoad({ filter: /.*/, namespace: 'entry' }, ({ path }) => {
      const imports = groups
        .slice(0, groupsOf(path))
        .flat()
        .map(module => `import './src/${module}.ts'`)
      return { contents: [...imports, `export * from './src/${path}.ts'`].join('\n'), resolveDir: root, loader: 'ts' }
    })
  },
}

const out = 'dist.new'
process.chdir(root)
rmSync(out, { recursive: true, force: true })
await Promise.all([declarations(), javaScript()])
// An npm that is interrupted leaves the old one.
rmSync('dist', { recursive: true, force: true })
renameSync(out, 'dist')

async function declarations(): Promise<void> {
  const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', out]
  await promisify(execFile)(process.execPath, tsc).catch(error => {
    process.stderr.write(error.stdout || error.stderr || `${error.message}\n`)
    process.exit(1)
  })
}

async function javaScript(): Promise<void> {
  const entries = [...doors(), 'daemon/main']
  const { outputFiles } = await build({
    entryPoints: entries.map(entry => ({ in: `entry:${entry}`, out: entry })),
    outdir: out,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    plugins: [grouping],
    logLevel: 'warning',
    write: false,
  })
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, named(text))
  }
}

/**
 * esbuild calls a class that speaks of itself `_Name`, which an error would show: `var Name = class _Name {`. Its own name serves inside as
 * well. (`keepNames` would do it too, by a call for each function and at each closure.)
 */
function named(code: string): string {
  const names = [...code.matchAll(/^var (\w+) = class _\1\b/gm)].map(([, name = '']) => name)
  return names.reduce((text, name) => text.replace(new RegExp(`(?<![.#\\w$])_${name}\\b`, 'g'), name), code)
}

/** The modules behind the `exports` of package.json. */
function doors(): string[] {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> }
  return Object.values(exports).flatMap(door => {
    const file = (door as { default?: string }).default
    if (file === undefined) return []
    const module = file.replace(/^\.\/dist\/|\.js$/g, '')
    return module.endsWith('/*') ? modulesOf(module.slice(0, -2)) : [module]
  })
}

function modulesOf(folder: string): string[] {
  const files = readdirSync(`${root}/src/${folder}`, { recursive: true, encoding: 'utf8' })
  const modules = files.filter(file => file.endsWith('.ts')).map(file => file.replace(/\.ts$/, ''))
  return modules.map(module => `${folder}/${module.split(sep).join('/')}`)
}
