import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const src = fileURLToPath(new URL('../src', import.meta.url))

/** Folders and root files of src/, lowest first. A file may import its own layer and those below, never one above. */
const layers: readonly (readonly string[])[] = [
  [
    'builtin',
    'errors',
    'jid',
    'idna',
    'ip-literal',
    'precis',
    'unicode',
    'clock',
    'steps',
    'stream',
    'emitter',
    'version',
    'printable',
    'detached',
    'secret-forms',
    'stringprep',
    'turns',
    'saslprep.d',
  ],
  ['sasl', 'config', 'bus'],
  ['negotiate', 'stream-management'],
  ['session', 'routes', 'namespace'],
  ['xep'],
  // The engine and the client speak the same words, read by the same functions: those of xep.
  ['pubsub'],
  ['targets', 'failures', 'attempt', 'connect', 'client', 'addresses', 'component', 'reconnect'],
  ['account', 'pubsub-component'],
  // The library's door: everything up to here may stand in it.
  ['index'],
  ['asterisk'],
  ['testing', 'conformance'],
  ['daemon'],
]

/** Of one height, but strangers to one another. */
const apart: readonly (readonly [string, string])[] = [
  ['sasl', 'config'],
  ['sasl', 'bus'],
  ['account', 'pubsub-component'],
]

/** Folder or root file of a path below src/. */
const unit = (path: string): string => (path.split(sep)[0] as string).replace(/\.ts$/, '')
const layerOf = (path: string): number => layers.findIndex(layer => layer.includes(unit(path)))

/** What a file imports from this project, whichever way: static, type-only, re-exported, dynamic or in a type. */
function imports(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const specifiers = /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*(['"`])(\.[^'"`]*)\1/g
  return [...code.matchAll(specifiers)].map(match => match[2] as string)
}

/** What is wrong with one import, undefined when nothing is. */
function fault(file: string, specifier: string): string | undefined {
  const target = relative('.', join(dirname(file), specifier))
  const what = `${file} imports ${target}`
  if (target.startsWith('..'))
    return target === join('..', 'package.json') ? undefined : `${what}, which is outside src/`
  if (!specifier.endsWith('.ts')) return `${what} without .ts`
  const [from, to] = [layerOf(file), layerOf(target)]
  if (to < 0) return `${what}, which has no layer`
  if (to > from) return `${what}, which is above it`
  const pair = [unit(file), unit(target)]
  if (apart.some(strangers => strangers.every(stranger => pair.includes(stranger))))
    return `${what}, which is none of its business`
  // Only programs and tests go in by the library's own door.
  if (unit(target) === 'index' && from < layers.findIndex(layer => layer.includes('asterisk')))
    return `${what}, the library's door`
  return undefined
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
  file => file.endsWith('.ts') && statSync(join(src, file)).isFile(),
)

t.test('every folder and root file has its layer', async t => {
  t.ok(files.length > 20)
  const unknown = new Set(files.filter(file => layerOf(file) < 0).map(unit))
  t.same([...unknown], [], 'a new one wants a decision, and a place in the list above')
})

t.test('imports run downward', async t => {
  for (const file of files) {
    const faults = imports(readFileSync(join(src, file), 'utf8')).flatMap(specifier => fault(file, specifier) ?? [])
    t.same(faults, [], file)
  }
})

t.test('and this test would notice', async t => {
  t.same(
    imports(`
      import a, { type b } from './a.ts'
      import './b.ts'
      export * from "./c.ts"
      export type { d } from './d.ts'
      const e = await import('./e.ts')
      const f = require('./f.ts')
      type G = import('./g.ts').G
      import {
        h,
      } from '../h.ts'
      import i from 'node:fs'
      // import j from './j.ts'
    `),
    ['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts', './f.ts', './g.ts', '../h.ts'],
  )
  const stream = join('stream', 'parser.ts')
  t.match(fault(stream, '../session.ts'), /above/)
  t.match(fault(stream, '../surprise/x.ts'), /no layer/)
  t.match(fault(stream, '../../test/x.ts'), /outside/)
  t.match(fault(stream, './element'), /without/)
  t.match(fault(join('sasl', 'plain.ts'), '../config/x.ts'), /business/)
  t.match(fault(join('account', 'account.ts'), '../index.ts'), /above|door/)
  t.match(fault(join('xep', '0060-forms.ts'), '../pubsub/config.ts'), /above/)
  t.equal(fault(join('pubsub', 'config.ts'), '../xep/0060-forms.ts'), undefined)
  t.equal(fault(stream, '../errors.ts'), undefined)
  t.equal(fault(join('daemon', 'main.ts'), '../index.ts'), undefined)
})
