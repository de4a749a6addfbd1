import t from 'tap'
import { escapeGlob, expandGlob, isGlob, matchesGlob } from '../../src/config/index.ts'
import { cpuTime } from '../helper/cpu.ts'

t.test('one name', async t => {
  const cases: [pattern: string, name: string, want: boolean][] = [
    ['a.conf', 'a.conf', true],
    ['a.conf', 'A.conf', false],
    ['a.conf', 'axconf', false],
    ['*', 'anything', true],
    ['*', '', true],
    ['*.conf', 'a.conf', true],
    ['*.conf', 'a.conf.bak', false],
    ['*.conf', '.conf', false],
    ['.*', '.conf', true],
    ['[.]conf', '.conf', false],
    ['?', 'a', true],
    ['?', 'ab', false],
    ['?', '', false],
    ['?', '😀', true],
    ['a*b*c', 'a1b2b3c', true],
    ['a*b*c', 'a1c2b3', false],
    ['[a-c]x', 'bx', true],
    ['[a-c]x', 'dx', false],
    ['[!a-c]x', 'dx', true],
    ['[!a-c]x', 'bx', false],
    ['[^a]', 'b', true],
    ['[]a]', ']', true],
    ['[!]a]', 'b', true],
    ['[!]a]', ']', false],
    ['[a-]', '-', true],
    ['[ab', '[ab', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a\\[b]', 'a[b]', true],
    ['__proto__', '__proto__', true],
  ]
  for (const [pattern, name, want] of cases) t.equal(matchesGlob(pattern, name), want, `${pattern} ${name}`)
})

t.test('paths', async t => {
  const tree: Record<string, string[]> = {
    '/': ['etc'],
    '/etc': ['b.conf', 'a.conf', 'd', '.h.conf', 'w{x}'],
    '/etc/d': ['x.conf', 'y.txt'],
    // What it leads to is for the file system to say: it may be a link.
    '/etc/d/..': ['a.conf'],
    '/etc/.': ['a.conf'],
    '/etc/w{x}': ['z.conf'],
    '.': ['r.conf'],
  }
  const cases: [pattern: string, want: string[]][] = [
    ['/etc/*.conf', ['/etc/a.conf', '/etc/b.conf']],
    ['/etc/{b,a}.conf', ['/etc/b.conf', '/etc/a.conf']],
    ['/etc/{a,{b,*}}.conf', ['/etc/a.conf', '/etc/b.conf']],
    ['/etc/{a,}.conf', ['/etc/a.conf']],
    ['/etc/*/x.conf', ['/etc/d/x.conf']],
    ['/etc/*/*.conf', ['/etc/d/x.conf', '/etc/w{x}/z.conf']],
    ['/etc/d/../a*', ['/etc/d/../a.conf']],
    ['/etc/./a*', ['/etc/./a.conf']],
    ['*.conf', ['r.conf']],
    [`${escapeGlob('/etc/w{x}')}/*`, ['/etc/w{x}/z.conf']],
    ['/etc/none/*', []],
    ['/etc/a{.conf', []],
  ]
  for (const [pattern, want] of cases)
    t.strictSame(
      expandGlob(pattern, path => tree[path] ?? []),
      want,
      pattern,
    )
})

t.test('what is a pattern', async t => {
  for (const path of ['a*', 'a?', '[a]', '{a,b}']) t.equal(isGlob(path), true, path)
  t.equal(isGlob('/etc/asterisk/xmpp-1.conf'), false)
})

t.test('hostile patterns', async t => {
  const started = cpuTime()
  t.equal(matchesGlob(`${'*a'.repeat(100)}b`, 'a'.repeat(255)), false)
  t.equal(expandGlob(`/${'{a,b}'.repeat(40)}`, () => []).length, 0)
  t.equal(expandGlob('{'.repeat(5000), () => []).length, 0)
  const twenty = Array.from({ length: 20 }, (_, at) => `d${at}`)
  t.throws(() => expandGlob(`/d1${'/*/..'.repeat(6)}/*.none`, () => twenty), RangeError)
  const many = `/*/*/*${'/..'.repeat(500)}`
  t.throws(() => expandGlob(many, () => twenty), RangeError)
  t.ok(cpuTime() - started < 2000, 'at once')
})
