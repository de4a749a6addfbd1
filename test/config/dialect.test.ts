import t from 'tap'
import { expandGlob, readDialect } from '../../src/config/index.ts'
import { cpuTime } from '../helper/cpu.ts'
import { memory } from './memory.ts'

interface Case {
  readonly rule: string
  /** The top file, /etc/asterisk/xmpp.conf. */
  readonly text: string | Uint8Array
  /** Other files, by name below /etc/asterisk or by absolute path. */
  readonly files?: Readonly<Record<string, string>>
  /** A line for each section: `name: variable=<value> …`, `name!` for a template, `name~` when damaged; `rejected`. */
  readonly want: readonly string[] | 'rejected'
  /** `code@line`, or `code@file:line` outside the top file. Default none. */
  readonly problems?: readonly string[]
}

const top = '/etc/asterisk/xmpp.conf'

const long = (bytes: number): string => `a=${'x'.repeat(bytes - 2)}`

const lines: Case[] = [
  { rule: 'an empty file', text: '', want: [] },
  { rule: 'blank lines are skipped', text: '\n\n  \n\t\n[s]\n\n a = 1 \n', want: ['s: a=<1>'] },
  { rule: 'a last line without line end counts', text: '[s]\na=1', want: ['s: a=<1>'] },
  { rule: 'CR LF', text: '[s]\r\na=1\r\nb = 2 \r\n', want: ['s: a=<1> b=<2>'] },
  { rule: 'control bytes at both ends go', text: '\x01\x1f[s]\n\x02a=1\x03\x0b\x0c\n', want: ['s: a=<1>'] },
  { rule: 'control bytes around name and value go', text: '[s]\na\x01\t=\x02 1\n', want: ['s: a=<1>'] },
  { rule: 'control bytes inside a value stay', text: '[s]\na=1\t\x012\n', want: ['s: a=<1\t\x012>'] },
  { rule: 'a no-break space is no blank', text: '[s]\na=\u00a01\u00a0\n', want: ['s: a=<\u00a01\u00a0>'] },
  { rule: 'a DEL is no blank', text: '[s]\na=1\x7f\n', want: ['s: a=<1\x7f>'] },
  { rule: 'a BOM on line 1 is dropped', text: '\ufeff[s]\na=1\n', want: ['s: a=<1>'] },
  { rule: 'a BOM elsewhere is text', text: '[s]\n\ufeffa=1\n', want: ['s: \ufeffa=<1>'] },
  {
    rule: 'a BOM on line 1 of an included file is dropped',
    text: '[s]\n#include x\n',
    files: { x: '\ufeffa=1\n' },
    want: ['s: a=<1>'],
  },
  {
    rule: 'a line of 8190 bytes counts',
    text: `[s]\n${long(8190)}\nb=2`,
    want: [`s: a=<${'x'.repeat(8188)}> b=<2>`],
  },
  {
    rule: 'a line of 8191 bytes is skipped, and no other with it',
    text: `[s]\n${long(8191)}\nb=2`,
    want: ['s: b=<2>'],
    problems: ['line-too-long@2'],
  },
  {
    rule: 'so is one that is as long as several of them',
    text: `[s]\n${long(8191 * 2)}\nb=2\n${long(8191 * 3 + 1)}\nc=3`,
    want: ['s: b=<2> c=<3>'],
    problems: ['line-too-long@2', 'line-too-long@4'],
  },
  {
    rule: 'so is the last one, which has no line end',
    text: `[s]\na=1\n${long(8191)}`,
    want: ['s: a=<1>'],
    problems: ['line-too-long@3'],
  },
  {
    rule: 'CR counts for the length of a line',
    text: `[s]\r\n${long(8189)}\r\nb=2\r\n${long(8190)}\r\nc=3`,
    want: [`s: a=<${'x'.repeat(8187)}> b=<2> c=<3>`],
    problems: ['line-too-long@4'],
  },
  {
    rule: 'so do a comment and blanks',
    text: `[s]\na=1${' '.repeat(4000)};${'x'.repeat(4185)}\nb=2\na=1${' '.repeat(4000)};${'x'.repeat(4188)}\nc=3`,
    want: [`s: a=<1> b=<2> c=<3>`],
    problems: ['line-too-long@4'],
  },
  { rule: 'a last line of 8190 bytes counts', text: `[s]\n${long(8190)}`, want: [`s: a=<${'x'.repeat(8188)}>`] },
  {
    rule: 'a last line of 8191 bytes is skipped',
    text: `[s]\n${long(8191)}`,
    want: ['s:'],
    problems: ['line-too-long@2'],
  },
  {
    rule: 'the length of a line is in bytes, not characters',
    text: `[s]\na=${'é'.repeat(4095)}\nb=2`,
    want: ['s: b=<2>'],
    problems: ['line-too-long@2'],
  },
  {
    rule: 'a long line in a comment block cannot end it',
    text: `[s]\n;--\n${long(9000)}--;\nb=2\n--;\nc=3`,
    want: ['s: c=<3>'],
    problems: ['line-too-long@3'],
  },
  {
    rule: 'a line that is not UTF-8 is an error and damages its section',
    text: Buffer.from('[s]\na=1\nb=\xe9\nc=3\n[u]\n', 'latin1'),
    want: ['s~: a=<1> c=<3>', 'u:'],
    problems: ['not-utf8@3'],
  },
  {
    rule: 'cut UTF-8 is an error',
    text: Buffer.from('[s]\na=\xc3\n', 'latin1'),
    want: ['s~:'],
    problems: ['not-utf8@2'],
  },
  { rule: 'a comment may be in any encoding', text: Buffer.from('[s]\na=1 ; \xe9\n', 'latin1'), want: ['s: a=<1>'] },
  { rule: 'a NUL byte is an error', text: '[s]\na=1\x002\nb=2', want: ['s~: b=<2>'], problems: ['nul-byte@2'] },
  {
    rule: 'damage passes on to what inherits it',
    text: Buffer.from('[t](!)\nb=\xe9\n[s](t)\n[u]\n', 'latin1'),
    want: ['t!~:', 's~:', 'u:'],
    problems: ['not-utf8@2'],
  },
]

const comments: Case[] = [
  { rule: '; begins a comment anywhere', text: ';x\n[s];x\na=1;x\n ; x\nb=2 ; y ; z', want: ['s: a=<1> b=<2>'] },
  { rule: '# is no comment', text: '[s]\na=1 # x', want: ['s: a=<1 # x>'] },
  { rule: '// is no comment', text: '[s]\na=1 // x', want: ['s: a=<1 // x>'] },
  { rule: 'quotes do not protect ;', text: '[s]\na="1;2"', want: ['s: a=<"1>'] },
  { rule: '\\; is a ;', text: '[s]\na=1\\;2', want: ['s: a=<1;2>'] },
  { rule: 'two of them', text: '[s]\na=\\;\\;x\\;;c', want: ['s: a=<;;x;>'] },
  { rule: 'only the one backslash goes', text: '[s]\na=1\\\\;2', want: ['s: a=<1\\;2>'] },
  { rule: 'other backslashes stay', text: '[s]\na=\\n\\\\x\\', want: ['s: a=<\\n\\\\x\\>'] },
  { rule: '\\; at the beginning of a line is a name', text: '[s]\n\\;a=1', want: ['s: ;a=<1>'] },
  { rule: 'a block in one line: what follows is glued on', text: '[s]\na=1;-- x --;2', want: ['s: a=<12>'] },
  { rule: 'a block over lines', text: '[s]\na=1;-- x\nb=2\n--; c=3', want: ['s: a=<1> c=<3>'] },
  { rule: 'what follows the end of a block is a line', text: '[s]\n;--\n--;[u]\nb=2', want: ['s:', 'u: b=<2>'] },
  { rule: 'blocks nest', text: '[s]\n;-- 1 ;-- 2 --; b=2\n--;\nc=3', want: ['s: c=<3>'] },
  { rule: 'a comment inside a block does not hide its end', text: '[s]\n;--\n; x --;a=1', want: ['s: a=<1>'] },
  { rule: ';--- is an ordinary comment', text: '[s]\na=1;--- x --;2\nb=2', want: ['s: a=<1> b=<2>'] },
  { rule: ';--- does not begin a nested block', text: '[s]\n;--\n;---\n--;\nb=2', want: ['s: b=<2>'] },
  { rule: ';--; does not close itself', text: '[s]\na=1;--;2\nb=2\n--;\nc=3', want: ['s: a=<1> c=<3>'] },
  { rule: ';-- --; does', text: '[s]\na=1;-- --;2', want: ['s: a=<12>'] },
  { rule: ';----; closes itself within a block', text: '[s]\n;--\n;----;a=1', want: ['s: a=<1>'] },
  { rule: ';- is an ordinary comment', text: '[s]\na=1;-x\nb=2', want: ['s: a=<1> b=<2>'] },
  {
    rule: '--;-- begins another block, it does not end one',
    text: '[s]\n;-- x --;-- y\n--;\nb=2\n--;\nc=3',
    want: ['s: c=<3>'],
  },
  { rule: '--\\; does not end a block', text: '[s]\n;--\n--\\;\na=1\n--;\nb=2', want: ['s: b=<2>'] },
  { rule: '\\;-- does not begin one', text: '[s]\na=\\;--x\nb=2', want: ['s: a=<;--x> b=<2>'] },
  { rule: 'glued dashes make no token', text: '[s]\na=-;-- x --;-;c\nb=2', want: ['s: a=<--> b=<2>'] },
  {
    rule: 'a block open at the end is a warning',
    text: '[s]\na=1\n;-- x\n;-- y\nb=2',
    want: ['s: a=<1>'],
    problems: ['open-comment@3'],
  },
  {
    rule: 'a stray --; warns and stays',
    text: '[s]\na=1--;2\nb=3',
    want: ['s: a=<1--;2> b=<3>'],
    problems: ['stray-comment-end@2'],
  },
  {
    rule: 'a comment behind a stray --; is one',
    text: '[s]\na=1--;2;3',
    want: ['s: a=<1--;2>'],
    problems: ['stray-comment-end@2'],
  },
  { rule: '--; in a comment is nothing', text: '[s]\na=1;x--;2', want: ['s: a=<1>'] },
  {
    rule: '128 blocks deep',
    text: `[s]\n${';-- '.repeat(128)}${'--; '.repeat(128)}a=1`,
    want: ['s: a=<1>'],
  },
  {
    rule: 'the 129th does not count',
    text: `[s]\n${';-- '.repeat(129)}${'--; '.repeat(128)}a=1`,
    want: ['s: a=<1>'],
    problems: ['comment-depth@2'],
  },
  {
    rule: 'a block does not reach out of an included file',
    text: '[s]\n#include x\nb=2',
    files: { x: 'a=1\n;--\n' },
    want: ['s: a=<1> b=<2>'],
    problems: ['open-comment@x:2'],
  },
  {
    rule: 'a block around an include hides it',
    text: '[s]\n;--\n#include x\n--;\nb=2',
    files: { x: 'a=1' },
    want: ['s: b=<2>'],
  },
]

const sections: Case[] = [
  { rule: 'names are not trimmed and keep their case', text: '[ A b ]\na=1', want: [' A b : a=<1>'] },
  { rule: 'the first ] ends the name', text: '[a]b]\nc=1', want: ['a: c=<1>'], problems: ['text-after-section@1'] },
  { rule: 'an empty name', text: '[]\nc=1', want: [': c=<1>'] },
  { rule: 'blanks behind ] are nothing', text: '[a]  \nc=1', want: ['a: c=<1>'] },
  { rule: '( must follow at once', text: '[a] (!)\nc=1', want: ['a: c=<1>'], problems: ['text-after-section@1'] },
  { rule: 'text behind ) is ignored', text: '[a](!)x\nc=1', want: ['a!: c=<1>'], problems: ['text-after-section@1'] },
  { rule: '79 bytes of name', text: `[${'n'.repeat(79)}]`, want: [`${'n'.repeat(79)}:`] },
  {
    rule: 'the rest of a longer name is cut off',
    text: `[${'n'.repeat(80)}]`,
    want: [`${'n'.repeat(79)}:`],
    problems: ['name-too-long@1'],
  },
  {
    rule: 'never through a character',
    text: `[${'n'.repeat(78)}é]`,
    want: [`${'n'.repeat(78)}:`],
    problems: ['name-too-long@1'],
  },
  {
    rule: 'odd names are names',
    text: '[__proto__]\na=1\n[constructor](__proto__)\n[hasOwnProperty]',
    want: ['__proto__: a=<1>', 'constructor: a=<1>', 'hasOwnProperty:'],
  },
  {
    rule: 'a parent called like a property of every object is unknown',
    text: '[a](constructor)',
    want: 'rejected',
    problems: ['file-rejected@1'],
  },
  { rule: 'a dot in a name is a dot', text: '[a.b]\nc=1', want: ['a.b: c=<1>'] },
  { rule: 'two sections of one name stay two', text: '[a]\nx=1\n[A]\nx=2', want: ['a: x=<1>', 'A: x=<2>'] },
  { rule: '! makes a template', text: '[a](!)\nx=1\n[b]', want: ['a!: x=<1>', 'b:'] },
  {
    rule: 'a parent gives its variables, in order',
    text: '[t](!)\nx=1\ny=2\nx=3\n[a](t)\nz=4',
    want: ['t!: x=<1> y=<2> x=<3>', 'a: x=<1> y=<2> x=<3> z=<4>'],
  },
  { rule: 'parents are found without case', text: '[T](!)\nx=1\n[a](t)', want: ['T!: x=<1>', 'a: x=<1>'] },
  { rule: 'only ASCII letters have a case', text: '[É](!)\n[a](é)', want: 'rejected', problems: ['file-rejected@2'] },
  { rule: 'a section can be a parent', text: '[s]\nx=1\n[a](s)', want: ['s: x=<1>', 'a: x=<1>'] },
  {
    rule: 'several parents, in their order',
    text: '[t](!)\nx=1\n[u](!)\ny=2\n[a](u,t)',
    want: ['t!: x=<1>', 'u!: y=<2>', 'a: y=<2> x=<1>'],
  },
  {
    rule: 'a template of templates',
    text: '[t](!)\nx=1\n[u](!,t)\ny=2\n[a](u)',
    want: ['t!: x=<1>', 'u!: x=<1> y=<2>', 'a: x=<1> y=<2>'],
  },
  { rule: '! behind a parent', text: '[t](!)\nx=1\n[u](t,!)', want: ['t!: x=<1>', 'u!: x=<1>'] },
  {
    rule: 'the first of the parents of one name',
    text: '[t](!)\nx=1\n[t](!)\nx=2\n[a](t)',
    want: ['t!: x=<1>', 't!: x=<2>', 'a: x=<1>'],
  },
  {
    rule: 'what the parent has at that moment',
    text: '[s]\nx=1\n[a](s)\n[s](+)\ny=2\n[b](s)',
    want: ['s: x=<1> y=<2>', 'a: x=<1>', 'b: x=<1> y=<2>'],
  },
  {
    rule: 'the first of its own name is a parent',
    text: '[a]\nx=1\n[a](a)\ny=2',
    want: ['a: x=<1>', 'a: x=<1> y=<2>'],
  },
  { rule: 'but not itself', text: '[a](a)', want: 'rejected', problems: ['file-rejected@1'] },
  { rule: 'a parent given later is unknown', text: '[a](t)\n[t](!)', want: 'rejected', problems: ['file-rejected@1'] },
  { rule: 'words are not trimmed', text: '[a](!)\n[b](!)\n[c](a, b)', want: 'rejected', problems: ['file-rejected@3'] },
  { rule: 'nor is !', text: '[c]( !)', want: 'rejected', problems: ['file-rejected@1'] },
  { rule: 'an empty word is an unknown parent', text: '[c]()', want: 'rejected', problems: ['file-rejected@1'] },
  { rule: '+ continues the section', text: '[a]\nx=1\n[b]\ny=2\n[A](+)\nz=3', want: ['a: x=<1> z=<3>', 'b: y=<2>'] },
  { rule: '+ takes the first', text: '[a]\nx=1\n[a]\nx=2\n[a](+)\nz=3', want: ['a: x=<1> z=<3>', 'a: x=<2>'] },
  {
    rule: '+ passes over templates',
    text: '[a](!)\nx=1\n[a]\nx=2\n[a](+)\nz=3',
    want: ['a!: x=<1>', 'a: x=<2> z=<3>'],
  },
  { rule: '+ with templates only', text: '[a](!)\nx=1\n[a](+)', want: 'rejected', problems: ['file-rejected@3'] },
  { rule: '+ without a section', text: '[b]\n[a](+)', want: 'rejected', problems: ['file-rejected@2'] },
  { rule: '+ and a parent', text: '[t](!)\nx=1\n[a]\ny=2\n[a](+,t)\nz=3', want: ['t!: x=<1>', 'a: y=<2> x=<1> z=<3>'] },
  { rule: 'a parent and +', text: '[t](!)\nx=1\n[a]\ny=2\n[a](t,+)\nz=3', want: ['t!: x=<1>', 'a: y=<2> x=<1> z=<3>'] },
  { rule: '+filter', text: '[a]\nx=1\n[a]\nx=2\n[a](+x=2)\nz=3', want: ['a: x=<1>', 'a: x=<2> z=<3>'] },
  {
    rule: 'a filter looks at the name as well',
    text: '[a]\ny=2\n[a]\nx=2\n[a](+x=2)\nz=3',
    want: ['a: y=<2>', 'a: x=<2> z=<3>'],
  },
  {
    rule: 'a filter is not anchored',
    text: '[a]\nx=1\n[a]\nx=021\n[a](+x=2)\nz=3',
    want: ['a: x=<1>', 'a: x=<021> z=<3>'],
  },
  { rule: 'unless it is', text: '[a]\nx=021\n[a]\nx=2\n[a](+^x$=^2$)\nz=3', want: ['a: x=<021>', 'a: x=<2> z=<3>'] },
  {
    rule: 'all parts of a filter must match',
    text: '[a]\nx=1\n[a]\nx=1\ny=2\n[a](+x=1&y=[2-3]+)\nz=3',
    want: ['a: x=<1>', 'a: x=<1> y=<2> z=<3>'],
  },
  {
    rule: 'a filter that matches nothing',
    text: '[a]\nx=1\n[a](+x=2)',
    want: 'rejected',
    problems: ['file-rejected@3'],
  },
  {
    rule: 'a filter passes over templates',
    text: '[a](!)\nx=1\n[a](+x=1)',
    want: 'rejected',
    problems: ['file-rejected@3'],
  },
  {
    rule: 'TEMPLATES=include',
    text: '[a](!)\nx=1\n[a]\nx=1\n[a](+TEMPLATES=include&x=1)\nz=3',
    want: ['a!: x=<1> z=<3>', 'a: x=<1>'],
  },
  {
    rule: 'TEMPLATES=restrict',
    text: '[a]\nx=1\n[a](!)\nx=1\n[a](+TEMPLATES=Restrict)\nz=3',
    want: ['a: x=<1>', 'a!: x=<1> z=<3>'],
  },
  {
    rule: 'templates in small letters is a name like others',
    text: '[a]\ntemplates=include\n[a](+templates=incl)\nz=3',
    want: ['a: templates=<include> z=<3>'],
  },
  {
    rule: 'TEMPLATES= with another word',
    text: '[a](!)\nx=1\n[a](+TEMPLATES=yes)',
    want: 'rejected',
    problems: ['file-rejected@3'],
  },
  {
    rule: 'TEMPLATES=include takes the first of either kind',
    text: '[a]\nx=1\n[a](!)\nx=1\n[a](+TEMPLATES=include)\nz=3',
    want: ['a: x=<1> z=<3>', 'a!: x=<1>'],
  },
  {
    rule: 'blanks and quotes around the parts of a filter are none of it',
    text: `[a]\nx=1\n[a]\nx=2\n[a](+ "x" = '2' & x=2&)\nz=3`,
    want: ['a: x=<1>', 'a: x=<2> z=<3>'],
  },
  {
    rule: 'what is in quotes does not separate the parts of a filter',
    text: `[a]\nx=1\n[a]\nx=a&b=c\n[a](+x="a&b=c")\nz=3`,
    want: ['a: x=<1>', 'a: x=<a&b=c> z=<3>'],
  },
  {
    rule: 'nor what is behind a backslash, and a whole part may be in quotes',
    text: `[a]\nx=1\n[a]\nx=a&b\n[a](+"x=a\\&b")\nz=3`,
    want: ['a: x=<1>', 'a: x=<a&b> z=<3>'],
  },
  {
    rule: 'a ] right behind the [ is one of what it allows',
    text: '[a]\nx=1\n[a]\nx=]\n[a](+x=[]b])\nz=3\n[a](+x=^[^]]$)\nz=4',
    want: ['a: x=<1> z=<4>', 'a: x=<]> z=<3>'],
  },
  {
    rule: 'a second = ends the expression',
    text: '[a]\nx=1\n[a]\nx=2\n[a](+x=2=9)\nz=3',
    want: ['a: x=<1>', 'a: x=<2> z=<3>'],
  },
  { rule: 'an empty expression', text: '[a]\nx=\n[a](+x=)', want: 'rejected', problems: ['file-rejected@3'] },
  { rule: 'a * that repeats nothing', text: '[a]\n[a]\nx=1\n[a](+x=*)\nz=3', want: ['a:', 'a: x=<1> z=<3>'] },
  {
    rule: 'a filter with an alternative, and a dot',
    text: '[a]\nx=k\n[a]\nx=lm\n[a](+x=^(y|l.)$)\nz=3',
    want: 'rejected',
    problems: ['file-rejected@5'],
  },
  {
    rule: 'that hold no ), which ends the list',
    text: '[a]\nx=k\n[a]\nx=lm\n[a](+x=^y|l.$)\nz=3',
    want: ['a: x=<k>', 'a: x=<lm> z=<3>'],
  },
  {
    rule: 'the value of += and what is inherited count for a filter',
    text: '[t](!)\nx=1\n[a](t)\nx+=2\n[a](+x=^12$)\nz=3',
    want: ['t!: x=<1>', 'a: x=<12> z=<3>'],
  },
  {
    rule: 'a POSIX class in a filter',
    text: '[a]\nx=k\n[a]\nx=7\n[a](+x=^[[:digit:]]$)\nz=3',
    want: ['a: x=<k>', 'a: x=<7> z=<3>'],
  },
  {
    rule: 'a filter that is no expression',
    text: '[a]\nx=1\n[a](+x=[)',
    want: 'rejected',
    problems: ['file-rejected@3'],
  },
  { rule: 'a filter without =', text: '[a]\nx=1\n[a](+x)', want: 'rejected', problems: ['file-rejected@3'] },
  {
    rule: '! and + make a template of what is continued',
    text: '[a]\nx=1\n[a](!,+)\ny=2\n[b]\n[b](+,!)\n[c](a)',
    want: ['a!: x=<1> y=<2>', 'b!:', 'c: x=<1> y=<2>'],
  },
  {
    rule: '(+) after a template of that name, and a section of that name behind it',
    text: '[a](!)\nx=1\n[a](a)\ny=2\n[a](+)\nz=3',
    want: ['a!: x=<1>', 'a: x=<1> y=<2> z=<3>'],
  },
  {
    rule: 'an empty word is the first of all sections',
    text: '[s]\nx=1\n[t](!)\ny=2\n[a](t,)\n[b]()',
    want: ['s: x=<1>', 't!: y=<2>', 'a: y=<2> x=<1>', 'b: x=<1>'],
  },
  {
    rule: '+ behind an empty name continues the first section that is no template',
    text: '[t](!)\n[s]\nx=1\n[](+)\ny=2',
    want: ['t!:', 's: x=<1> y=<2>'],
  },
  { rule: 'a parent given twice gives twice', text: '[t](!)\nx=1\n[a](t,t)', want: ['t!: x=<1>', 'a: x=<1> x=<1>'] },
  {
    rule: 'a template in the middle of what it is for',
    text: '[t](!)\nx=1\n[a](t)\n[t](+TEMPLATES=include)\nx=2\n[b](t)',
    want: ['t!: x=<1> x=<2>', 'a: x=<1>', 'b: x=<1> x=<2>'],
  },
  {
    rule: 'a comment behind the name, glued or not',
    text: '[a];x\n[b](!);x\n[c](b) ; x\n[d;--x--;e]',
    want: ['a:', 'b!:', 'c:', 'de:'],
  },
  { rule: '\\; in a name', text: '[a\\;b]\nc=1', want: ['a;b: c=<1>'] },
  { rule: 'brackets in a name', text: '[[a]\nc=1', want: ['[a: c=<1>'] },
  { rule: 'a parent with a blank in its name', text: '[t t](!)\nx=1\n[a](t t)', want: ['t t!: x=<1>', 'a: x=<1>'] },
  { rule: 'blanks before a header', text: ' \t[a]\nx=1', want: ['a: x=<1>'] },
  {
    rule: 'a name that is cut is found by what is left of it, and by nothing longer',
    text: `[${'n'.repeat(80)}](!)\nx=1\n[a](${'n'.repeat(79)})\n[b](${'n'.repeat(80)})`,
    want: 'rejected',
    problems: ['name-too-long@1', 'file-rejected@4'],
  },
  { rule: 'a missing ]', text: '[a\nx=1\n', want: 'rejected', problems: ['file-rejected@1'] },
  { rule: 'a missing )', text: '[a](!\nx=1\n', want: 'rejected', problems: ['file-rejected@1'] },
  {
    rule: 'all of its mistakes are told',
    text: 'q=1\n[a\nx=1\n[b]\nno\n[c](d)\n',
    want: 'rejected',
    problems: ['file-rejected@1', 'file-rejected@2', 'no-equals@5', 'file-rejected@6'],
  },
]

const variables: Case[] = [
  { rule: 'before any section', text: 'a=1\nb=2\n[s]', want: 'rejected', problems: ['file-rejected@1'] },
  { rule: 'no =', text: '[s]\nfoo\na=1', want: ['s: a=<1>'], problems: ['no-equals@2'] },
  { rule: 'no name', text: '[s]\n = 1\na=1', want: ['s: a=<1>'], problems: ['no-name@2'] },
  { rule: 'no name before =>', text: '[s]\n=> 1', want: ['s:'], problems: ['no-name@2'] },
  { rule: 'the first = splits', text: '[s]\na=b=c==d', want: ['s: a=<b=c==d>'] },
  { rule: '=> is =', text: '[s]\na=>1\nb => 2', want: ['s: a=<1> b=<2>'] },
  { rule: '= > is not', text: '[s]\na= > 1', want: ['s: a=<> 1>'] },
  { rule: '=>> keeps the second', text: '[s]\na=>>1', want: ['s: a=<>1>'] },
  { rule: 'quotes are part of the value', text: '[s]\na="1"\nb=\'2\'', want: [`s: a=<"1"> b=<'2'>`] },
  { rule: 'an empty value is kept', text: '[s]\na=\nb =>', want: ['s: a=<> b=<>'] },
  { rule: 'nothing but =', text: '[s]\n=\n==\n', want: ['s:'], problems: ['no-name@2', 'no-name@3'] },
  { rule: '=>> and nothing', text: '[s]\na=>>', want: ['s: a=<>>'] },
  { rule: 'a => in a value', text: '[s]\na=b=>c', want: ['s: a=<b=>c>'] },
  { rule: 'a comment alone behind =', text: '[s]\na=;x\nb= ; x', want: ['s: a=<> b=<>'] },
  { rule: 'a comment in front of =', text: '[s]\na;=1\nb=2', want: ['s: b=<2>'], problems: ['no-equals@2'] },
  { rule: 'a comment block in front of =', text: '[s]\na;--x--;b=2', want: ['s: ab=<2>'] },
  {
    rule: 'a comment block within a value keeps the blanks around it',
    text: '[s]\na=1 ;-- x --; 2\nb=1;-- x\n--; 2',
    want: ['s: a=<1  2> b=<1>'],
    problems: ['no-equals@4'],
  },
  { rule: 'a name may hold blanks', text: '[s]\na b = 1', want: ['s: a b=<1>'] },
  {
    rule: 'values are not coerced',
    text: '[s]\na=true\nb=null\nc=007\nd=1e3\ne=[x]\nf={"a":1}',
    want: ['s: a=<true> b=<null> c=<007> d=<1e3> e=<[x]> f=<{"a":1}>'],
  },
  { rule: 'non-ASCII', text: '[s]\nä=grüße 😀', want: ['s: ä=<grüße 😀>'] },
  {
    rule: 'odd names',
    text: '[s]\n__proto__=1\nconstructor=2\na[]=3',
    want: ['s: __proto__=<1> constructor=<2> a[]=<3>'],
  },
  { rule: 'duplicates all stay, in order', text: '[s]\na=1\nb=2\na=3', want: ['s: a=<1> b=<2> a=<3>'] },
  { rule: 'a leading backslash makes a variable of [', text: '[s]\n\\[x]=1', want: ['s: [x]=<1>'] },
  { rule: 'and of #', text: '[s]\n\\#x=1', want: ['s: #x=<1>'] },
  { rule: 'and protects =', text: '[s]\n\\=x=1', want: ['s: =x=<1>'] },
  { rule: 'of two backslashes one stays', text: '[s]\n\\\\x=1', want: ['s: \\x=<1>'] },
  { rule: 'it does no harm elsewhere', text: '[s]\n\\x=1', want: ['s: x=<1>'] },
  { rule: 'and may stand before non-ASCII', text: '[s]\n\\é=1', want: ['s: é=<1>'] },
  { rule: 'a backslash and a blank', text: '[s]\n\\ x=1', want: 'rejected', problems: ['file-rejected@2'] },
  { rule: 'a backslash and nothing', text: '[s]\n\\', want: 'rejected', problems: ['file-rejected@2'] },
  { rule: 'a [ inside a line is nothing special', text: '[s]\na[1]=2', want: ['s: a[1]=<2>'] },
  { rule: '+= appends', text: '[s]\na=1\na+=2', want: ['s: a=<12>'] },
  { rule: '+= keeps the blanks behind it', text: '[s]\na=1\na += \t2 \n', want: ['s: a=<1 \t2>'] },
  { rule: '+= to an empty value trims', text: '[s]\na=\na += 2', want: ['s: a=<2>'] },
  { rule: '+= of nothing', text: '[s]\na=1\na +=', want: ['s: a=<1>'] },
  { rule: '+= to the last of the name', text: '[s]\na=1\na=2\nb=3\na+=4', want: ['s: a=<1> a=<24> b=<3>'] },
  { rule: '+= to the first of those that are alike', text: '[s]\na=1\na=1\na+=4', want: ['s: a=<14> a=<1>'] },
  { rule: '+= to an empty last one takes the place of the first', text: '[s]\na=1\na=\na+=4', want: ['s: a=<4> a=<>'] },
  {
    rule: '+= to what one template after the other has given',
    text: '[t](!)\na=1\n[u](!)\na=2\nb=x\n[s](t,u)\na+=3\n[v](s)\nb+=y',
    want: ['t!: a=<1>', 'u!: a=<2> b=<x>', 's: a=<1> a=<23> b=<x>', 'v: a=<1> a=<23> b=<xy>'],
  },
  { rule: '+= in a template', text: '[t](!)\na=1\na+=2\n[s](t)\na+=3', want: ['t!: a=<12>', 's: a=<123>'] },
  { rule: '+= in a continued section', text: '[s]\na=1\n[u]\na=9\n[s](+)\na+=2', want: ['s: a=<12>', 'u: a=<9>'] },
  {
    rule: 'a second section of the name has nothing to append to',
    text: '[s]\na=1\n[s]\na+=2',
    want: ['s: a=<1>', 's: a=<2>'],
  },
  { rule: '+= keeps a literal ;', text: '[s]\na=1\na+=\\;2;3', want: ['s: a=<1;2>'] },
  { rule: 'blanks between name and +=', text: '[s]\na=1\na \t+=2', want: ['s: a=<12>'] },
  { rule: '+= and another =', text: '[s]\na=1\na+=b=c', want: ['s: a=<1b=c>'] },
  { rule: 'a + before the first = that is not the operator', text: '[s]\na=1\na=2+=3', want: ['s: a=<1> a=<2+=3>'] },
  { rule: 'the case of the name matters to +=', text: '[s]\na=1\nA+=2', want: ['s: a=<1> A=<2>'] },
  { rule: '+= without one is =', text: '[s]\na += 2', want: ['s: a=<2>'] },
  { rule: '+= does not know =>', text: '[s]\na +=> 2', want: ['s: a=<> 2>'] },
  { rule: '+= again and again', text: '[s]\na+=1\na+=2\nb=x\na+=3\na=4\na+=5', want: ['s: a=<123> b=<x> a=<45>'] },
  {
    rule: '+= takes the last of its spelling, and the place of the first of any',
    text: '[s]\nA=1\na=1\na+=2\n[u]\na=X\na=x\na+=1\n[v]\nA=1\na+=2',
    want: ['s: a=<12> a=<1>', 'u: a=<x1> a=<x>', 'v: A=<1> a=<2>'],
  },
  {
    rule: '+= to what is inherited leaves the parent alone',
    text: '[t](!)\na=1\n[s](t)\na+=2\n[u](t)',
    want: ['t!: a=<1>', 's: a=<12>', 'u: a=<1>'],
  },
  { rule: '+ = is a name that ends in +', text: '[s]\na=1\na + = 2', want: ['s: a=<1> a +=<2>'] },
  { rule: '+= without name', text: '[s]\n+=2', want: ['s:'], problems: ['no-name@2'] },
  { rule: 'an escaped + is a name', text: '[s]\n\\+=2', want: ['s: +=<2>'] },
]

const chain = (files: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: files }, (_, i) => [`f${i + 1}`, `v${i + 1}=1\n#include f${i + 2}\n`]))

const directives: Case[] = [
  { rule: '#include', text: '#include x\n[u]', files: { x: '[s]\na=1\n' }, want: ['s: a=<1>', 'u:'] },
  { rule: 'in any case', text: '#InClude x', files: { x: '[s]\na=1\n' }, want: ['s: a=<1>'] },
  { rule: 'in quotes', text: '#include "my file" \n', files: { 'my file': '[s]' }, want: ['s:'] },
  { rule: 'in angle brackets', text: '#include <my file>', files: { 'my file': '[s]' }, want: ['s:'] },
  { rule: 'bare with blanks', text: '#include \t my file', files: { 'my file': '[s]' }, want: ['s:'] },
  { rule: 'an absolute path', text: '#include /srv/x', files: { '/srv/x': '[s]' }, want: ['s:'] },
  {
    rule: 'relative to the directory of the top file',
    text: '#include d/x',
    files: { 'd/x': '#include y', y: '[s]' },
    want: ['s:'],
  },
  { rule: 'in quotes with a literal ;', text: '#include "a\\;b"', files: { 'a;b': '[s]' }, want: ['s:'] },
  {
    rule: 'CR LF behind it',
    text: '#include x\r\n#include "y"\r\n',
    files: { x: '[s]', y: 'a=1' },
    want: ['s: a=<1>'],
  },
  { rule: 'only quotes around the whole go', text: '#include "a"b', files: { '"a"b': '[s]' }, want: ['s:'] },
  { rule: 'and only a pair', text: '#include <x"', files: { '<x"': '[s]' }, want: ['s:'] },
  { rule: 'what is between them stays', text: '#include "a\\b"c"', files: { 'a\\b"c': '[s]' }, want: ['s:'] },
  { rule: 'no file between them', text: '[s]\n#include ""\na=1', want: 'rejected', problems: ['file-rejected@2'] },
  { rule: 'blanks before it', text: ' \t#include x', files: { x: '[s]' }, want: ['s:'] },
  { rule: 'a tab behind the name', text: '#include\tx', files: { x: '[s]' }, want: ['s:'] },
  {
    rule: 'the same file twice',
    text: '[s]\n#include x\n[u]\n#include x',
    files: { x: 'a=1' },
    want: ['s: a=<1>', 'u: a=<1>'],
  },
  {
    rule: 'an include goes to the section that was entered last, which is not always that of its own file',
    text: '[s]\n#include x\n#include y\nc=3',
    files: { x: 'a=1\n[u]\nb=2', y: 'd=4' },
    want: ['s: a=<1> c=<3>', 'u: b=<2> d=<4>'],
  },
  {
    rule: 'a continued section counts as entered',
    text: '[s]\n[u]\n[s](+)\n#include x',
    files: { x: 'a=1' },
    want: ['s: a=<1>', 'u:'],
  },
  {
    rule: 'an include within an include',
    text: '[s]\n#include x\nz=9',
    files: { x: 'a=1\n#include y\nb=2\n[u]\n#include y', y: 'c=3' },
    want: ['s: a=<1> c=<3> b=<2> z=<9>', 'u: c=<3>'],
  },
  {
    rule: 'a template in an included file, and its heir in another',
    text: '#include x\n#include y',
    files: { x: '[t](!)\na=1', y: '[s](t)\na+=2' },
    want: ['t!: a=<1>', 's: a=<12>'],
  },
  {
    rule: 'what a glob matches goes on in the section of the file before',
    text: '[s]\n#include d/*.conf\nz=9',
    files: { 'd/a.conf': '[u]\na=1', 'd/b.conf': 'b=2' },
    want: ['s: z=<9>', 'u: a=<1> b=<2>'],
  },
  {
    rule: 'a mistake in one ends the others of the glob',
    text: '[s]\n#include d/*.conf\nz=9\n[v]',
    files: { 'd/a.conf': 'a=1', 'd/b.conf': 'b=2\n[x\n', 'd/c.conf': '[w]' },
    want: ['s~: a=<1> b=<2> z=<9>', 'v:'],
    problems: ['rest-dropped@2', 'rest-dropped@d/b.conf:2'],
  },
  {
    rule: 'a mistake in the last of a glob ends nothing else',
    text: '[s]\n#include d/*.conf\nz=9',
    files: { 'd/a.conf': 'a=1', 'd/b.conf': 'b=2\n[x\n' },
    want: ['s: a=<1> b=<2> z=<9>'],
    problems: ['rest-dropped@d/b.conf:2'],
  },
  {
    rule: 'a block reaches from one file of a glob to the next',
    text: '[s]\n#include d/*.conf\nz=9',
    files: { 'd/a.conf': 'a=1\n;-- x', 'd/b.conf': 'b=2\n--;c=3', 'd/c.conf': 'd=4' },
    want: ['s: a=<1> c=<3> d=<4> z=<9>'],
    problems: ['open-comment@d/a.conf:2', 'open-comment@d/b.conf:0'],
  },
  {
    rule: 'a mistake two files down leaves the one between as it is',
    text: '[s]\n#include x\nz=9',
    files: { x: 'a=1\n#include y\nb=2', y: 'c=3\n[u](nosuch)\nd=4' },
    want: ['s: a=<1> c=<3> b=<2> z=<9>'],
    problems: ['rest-dropped@y:2'],
  },
  {
    rule: 'braces in their order, and a pattern for directories',
    text: '[s]\n#include {b,a}.conf\n#include */x',
    files: { 'a.conf': 'a=1', 'b.conf': 'b=1', 'e/x': 'e=1', 'd/x': 'd=1' },
    want: ['s: b=<1> a=<1> d=<1> e=<1>'],
  },
  {
    rule: 'capitals before small letters',
    text: '[s]\n#include d/*',
    files: { 'd/b': 'b=1', 'd/C': 'C=1', 'd/10': 'ten=1', 'd/9': 'nine=1', 'd/é': 'e=1' },
    want: ['s: ten=<1> nine=<1> C=<1> b=<1> e=<1>'],
  },
  { rule: 'an include alone', text: '#include x', files: { x: '[s]\na=1' }, want: ['s: a=<1>'] },
  { rule: 'a comment behind it', text: '#include x ; the x', files: { x: '[s]' }, want: ['s:'] },
  {
    rule: 'loose variables go to the open section',
    text: '[s]\n#include x\nc=3',
    files: { x: 'a=1\nb=2' },
    want: ['s: a=<1> b=<2> c=<3>'],
  },
  {
    rule: 'the includer goes on with its own section',
    text: '[s]\n#include x\nc=3',
    files: { x: 'a=1\n[u]\nb=2' },
    want: ['s: a=<1> c=<3>', 'u: b=<2>'],
  },
  { rule: '+= reaches over files', text: '[s]\na=1\n#include x', files: { x: 'a += 2' }, want: ['s: a=<1 2>'] },
  {
    rule: 'a template of an included file',
    text: '#include x\n[s](t)',
    files: { x: '[t](!)\na=1' },
    want: ['t!: a=<1>', 's: a=<1>'],
  },
  {
    rule: 'globs, sorted',
    text: '[s]\n#include d/*.conf',
    files: { 'd/b.conf': 'b=1', 'd/a.conf': 'a=1', 'd/c.txt': 'c=1', 'd/.h.conf': 'h=1' },
    want: ['s: a=<1> b=<1>'],
  },
  {
    rule: 'a glob that matches nothing',
    text: '[s]\n#include d/*.conf',
    want: 'rejected',
    problems: ['file-rejected@2'],
  },
  { rule: '#tryinclude of a glob that matches nothing', text: '[s]\n#tryinclude d/*.conf\na=1', want: ['s: a=<1>'] },
  { rule: 'a missing file', text: '[s]\n#include x\na=1', want: 'rejected', problems: ['file-rejected@2'] },
  { rule: '#tryinclude of a missing file', text: '[s]\n#tryinclude x\na=1', want: ['s: a=<1>'] },
  { rule: '#tryinclude of a file', text: '[s]\n#tryinclude x\na=1', files: { x: 'b=2' }, want: ['s: b=<2> a=<1>'] },
  { rule: 'an empty file is there', text: '[s]\n#include x\na=1', files: { x: '' }, want: ['s: a=<1>'] },
  {
    rule: 'a file missing in an included one drops its rest',
    text: '[s]\n#include x\nc=3',
    files: { x: 'a=1\n#include y\nb=2' },
    want: ['s~: a=<1> c=<3>'],
    problems: ['rest-dropped@x:2'],
  },
  {
    rule: 'a mistake in an included one drops its rest',
    text: '[s]\n#include x\nc=3\n[v]',
    files: { x: 'a=1\n[u\nb=2' },
    want: ['s: a=<1> c=<3>', 'v:'],
    problems: ['rest-dropped@x:2'],
  },
  {
    rule: 'loose variables with no section open',
    text: '#include x\n[s]\na=1',
    files: { x: 'b=2\n[u]' },
    want: ['s: a=<1>'],
    problems: ['rest-dropped@x:1'],
  },
  {
    rule: 'an unknown directive',
    text: '[s]\n#define x\n# a comment\n#\na=1',
    want: ['s: a=<1>'],
    problems: ['unknown-directive@2', 'unknown-directive@3', 'unknown-directive@4'],
  },
  {
    rule: 'no argument',
    text: '[s]\n#include\n#tryinclude  \na=1',
    want: ['s: a=<1>'],
    problems: ['no-argument@2', 'no-argument@3'],
  },
  {
    rule: 'no blank before the argument',
    text: '[s]\n#include"x"\na=1',
    files: { x: 'b=2' },
    want: ['s: a=<1>'],
    problems: ['unknown-directive@2'],
  },
  {
    rule: '#exec is refused',
    text: '[s]\n#exec /bin/date\n#EXEC\na=1',
    want: ['s: a=<1>'],
    problems: ['exec-refused@2', 'exec-refused@3'],
  },
  {
    rule: 'ten levels of included files',
    text: '[s]\n#include f1',
    files: { ...chain(9), f10: 'v10=1' },
    want: ['s: v1=<1> v2=<1> v3=<1> v4=<1> v5=<1> v6=<1> v7=<1> v8=<1> v9=<1> v10=<1>'],
  },
  {
    rule: 'the eleventh counts as missing',
    text: '[s]\n#include f1\nz=1',
    files: { ...chain(10), f11: 'v11=1' },
    want: ['s~: v1=<1> v2=<1> v3=<1> v4=<1> v5=<1> v6=<1> v7=<1> v8=<1> v9=<1> v10=<1> z=<1>'],
    problems: ['rest-dropped@f10:2'],
  },
  {
    rule: 'the eleventh of #tryinclude is left out with a warning',
    text: '[s]\n#include f1\nz=1',
    files: { ...chain(9), f10: '#tryinclude f11\ny=1', f11: 'v11=1' },
    want: ['s: v1=<1> v2=<1> v3=<1> v4=<1> v5=<1> v6=<1> v7=<1> v8=<1> v9=<1> y=<1> z=<1>'],
    problems: ['include-depth@f10:1'],
  },
]

for (const [group, cases] of Object.entries({ lines, comments, sections, variables, directives })) {
  t.test(group, async t => {
    for (const { rule, text, files = {}, want, problems = [] } of cases) {
      const dialect = read(text, files)
      t.strictSame(dialect.rejected ? 'rejected' : show(dialect.sections), want, rule)
      const found = dialect.problems.map(({ code, file, line }) => {
        return file === top ? `${code}@${line}` : `${code}@${file.replace('/etc/asterisk/', '')}:${line}`
      })
      t.strictSame(found, problems, `${rule}: problems`)
    }
  })
}

t.test('file and line are those of the place where something was written', async t => {
  const { sections } = read('[t](!)\na=1\n\n[s](t)\n#include x\na+=2\n', { x: '\nb=1' })
  t.strictSame(
    sections.map(({ name, file, line, entries }) => [
      name,
      file,
      line,
      ...entries.map(e => [e.name, e.value, e.file, e.line]),
    ]),
    [
      ['t', top, 1, ['a', '1', top, 2]],
      ['s', top, 4, ['a', '12', top, 2], ['b', '1', '/etc/asterisk/x', 2]],
    ],
  )
})

t.test('a rejected file keeps what could be read apart', async t => {
  const dialect = read('[a]\nx=1\n[b](nosuch)\ny=2\n[c]\nz=3\n')
  t.strictSame([dialect.sections, show(dialect.salvage)], [[], ['a: x=<1>', 'c: z=<3>']])
})

t.test('a header that cannot be read takes its section with it, and no other', async t => {
  for (const [header, code] of [
    ['[b\xe9](t)', 'not-utf8'],
    ['[b\0]', 'nul-byte'],
  ]) {
    const text = `[t](!)\nx=1\n[a](t)\n${header}\nusername=b\nz\n[c](t)\ny=2\n`
    const { problems, sections } = read(Buffer.from(text, 'latin1'))
    t.strictSame(show(sections), ['t!: x=<1>', 'a: x=<1>', 'c: x=<1> y=<2>'])
    t.strictSame(
      problems.map(({ code, line, section }) => [code, line, section]),
      [
        [code, 4, undefined],
        ['no-equals', 6, undefined],
      ],
    )
  }
})

t.test('a problem of one line is told once, however often the line is read', async t => {
  const twice = read('[s]\n#include x\n[u]\n#include x\n[v]\n#include x', { x: 'no\n' })
  t.match(twice.problems, [{ code: 'no-equals', section: 's', message: / \(the same in 2 more sections\)$/ }])
  t.match(read('[s]\n#include x\n#include x', { x: 'no\n' }).problems, [{ message: /name = value$/ }])
})

t.test('a filter that takes too long, and filters that look at too much', async t => {
  const started = cpuTime()
  const late = { code: 'file-rejected', message: /^what "\(\+…\)" looks for takes too long to find: nothing/ }
  const hasty = (text: string) => readDialect(top, within(text, {}), { filterTime: 200 })
  t.match(hasty(`[a]\nx=${'a'.repeat(2000)}\n${'[a](+x=a*a*a*b)\n'.repeat(100)}`).problems, [late])
  const tests = Array.from({ length: 1000 }, () => 'b=2').join('&')
  t.match(hasty(`[s]\n${'a=1\n'.repeat(400_000)}b=2\n[s](+${tests}&c=3)\n`).problems, [late])
  t.match(hasty(`${'[s]\na=1\n'.repeat(20_000)}${'[s](+zz=1)\n'.repeat(20_000)}`).problems.at(-1), late)
  const plain = read(`${'[s](!)\n'.repeat(100_000)}${'[s](+)\n'.repeat(1000)}`)
  t.match(plain.problems.at(-1), { code: 'file-rejected', message: /^too many sections have to be looked at/ })
  t.ok(cpuTime() - started < 20_000)
})

t.test('what a filter looks for may be a secret', async t => {
  for (const filter of [
    'secret=hunter2',
    'secret',
    'secret=',
    'secret=hunter2[',
    'TEMPLATES=hunter2',
    'secret hunter2',
  ])
    for (const { message } of read(`[a]\nx=1\n[a](+${filter})\n`).problems) t.notMatch(message, /hunter2/, filter)
})

t.test('a file that is not there', async t => {
  const dialect = readDialect('/none', memory({}))
  t.strictSame([dialect.rejected, dialect.sections, dialect.salvage, dialect.files], [true, [], [], []])
  t.strictSame(
    dialect.problems.map(({ code, file, line }) => [code, file, line]),
    [['file-rejected', '/none', 0]],
  )
})

t.test('why a file cannot be read is said wherever one is named', async t => {
  const contents = memory({ [top]: '[s]\n#include x\n#include d/{a,b}\n#include c*\n' })
  const source = { ...contents, glob: expandToItself, whyNot: (path: string) => `no way to ${path}` }
  const messages = (path: string) => readDialect(path, source).problems.map(({ code, message }) => `${code} ${message}`)
  t.match(messages(top), [
    /^file-rejected "x" cannot be included: no way to \/etc\/asterisk\/x /,
    /^unreadable "\/etc\/asterisk\/d\/a" is left out: no way to \/etc\/asterisk\/d\/a$/,
    /^unreadable "\/etc\/asterisk\/d\/b" is left out: no way to/,
    /^file-rejected "d\/\{a,b\}" cannot be included: no way to/,
    /^file-rejected "c\*" cannot be included: no file matches it /,
  ])
  t.match(messages('/none'), [/^file-rejected the file cannot be read: no way to \/none$/])
})

t.test('#exec, where there is somebody to run it', async t => {
  const asked: string[] = []
  const exec = (command: string) => {
    asked.push(command)
    const printed: Record<string, string> = {
      'pw -u x': 'secret=1\nsecret+=2\n[u](t)\nb=2\n',
      nested: '#exec pw -u x\n#include y\n',
      bad: 'a=1\n[x\nb=2',
      again: '#exec again\nd=1',
      long: `a=${'x'.repeat(100)}`,
    }
    const output = printed[command]
    return output === undefined ? { failure: 'it has failed' } : { output: Buffer.from(output) }
  }
  const run = (text: string, files: Readonly<Record<string, string>> = {}, limits = {}) => {
    const { sections, rejected, problems, files: read } = readDialect(top, { ...within(text, files), exec }, limits)
    const found = problems.map(({ code, file, line }) => (file === top ? `${code}@${line}` : `${code}@${file}:${line}`))
    return { shown: rejected ? 'rejected' : show(sections), found, sections, problems, read }
  }
  const simple = run('[t](!)\nx=1\n[s]\n#exec "pw -u x"\nz=9')
  t.strictSame([simple.shown, simple.found], [['t!: x=<1>', 's: secret=<12> z=<9>', 'u: x=<1> b=<2>'], []])
  t.strictSame(asked, ['pw -u x'])
  t.match(simple.sections[1]?.entries[0], { file: `${top}:4: #exec pw…`, line: 1 }, 'arguments may be secrets')
  t.match(simple.sections[2], { file: `${top}:4: #exec pw…`, line: 3 })
  t.strictSame(simple.read, [top, `${top}:4: #exec pw…`])

  const nested = run('[t](!)\n[s]\n#EXEC nested', { y: 'c=3' })
  t.strictSame([nested.shown, nested.found], [['t!:', 's: secret=<12>', 'u: b=<2> c=<3>'], []])
  const bad = run('[s]\n#exec bad\nc=3')
  t.strictSame([bad.shown, bad.found], [['s: a=<1> c=<3>'], [`rest-dropped@${top}:2: #exec bad:2`]])
  const failed = run('[s]\n#exec /bin/no such\nc=3')
  t.strictSame([failed.shown, failed.found], ['rejected', ['file-rejected@2']])
  t.match(failed.problems[0]?.message, /^what #exec \/bin\/no… prints cannot be included: it has failed; as long/)
  const below = run('[s]\n#include x\nc=3', { x: 'a=1\n#exec none\nb=2' })
  t.strictSame([below.shown, below.found], [['s~: a=<1> c=<3>'], ['rest-dropped@/etc/asterisk/x:2']])
  t.strictSame(run('[s]\n#exec\nc=3').found, ['no-argument@2'])
  const endless = run('[s]\n#exec again')
  t.strictSame(
    [endless.shown, endless.found],
    [[`s~:${' d=<1>'.repeat(9)}`], [`rest-dropped@${top}:2: #exec again${':1: #exec again'.repeat(9)}:1`]],
    'it counts as a level',
  )
  t.strictSame(run('[s]\n#exec long', {}, { bytes: 50 }).shown, 'rejected', 'its bytes count')
  t.strictSame(run('[s]\n#exec long\n#exec long', {}, { files: 2 }).shown, 'rejected', 'and it counts as a file')
})

t.test('messages show the section, and never a line that may hold a secret', async t => {
  const { problems } = read('[s]\nsecret hunter2\n= hunter2\nsecret=hunter2--;\n#hunter2\n')
  t.equal(problems.length, 4)
  for (const problem of problems) {
    t.equal(problem.section, 's', problem.code)
    t.notMatch(problem.message, /hunter2/, problem.code)
  }
})

t.test('bounds', async t => {
  const source = memory({ '/c/self': '[s]\n#tryinclude self\n#tryinclude self\n', '/c/small': '[s]\na=1\n' })
  const bounded = (path: string, limits: Parameters<typeof readDialect>[2]) => {
    const { rejected, problems } = readDialect(path, source, limits)
    return [rejected, problems.some(problem => problem.code === 'file-rejected')]
  }
  t.strictSame(bounded('/c/self', { files: 100 }), [true, true], 'files, against a file that includes itself twice')
  t.strictSame(bounded('/c/small', { bytes: 7 }), [true, true], 'bytes')
  t.strictSame(bounded('/c/small', { bytes: 8 }), [false, false], 'as many bytes as allowed')
  t.strictSame(bounded('/c/small', { entries: 0 }), [true, true], 'entries')

  const doubling = Array.from({ length: 40 }, (_, i) => `[t${i + 1}](!,t${i},t${i})`).join('\n')
  t.ok(read(`[t0](!)\na=1\n${doubling}`).rejected, 'templates that double')
})

t.test('many odd lines yield a bounded list of problems', async t => {
  const { problems, sections } = read(`[s]\n${'x\n'.repeat(200_000)}a=1`)
  t.equal(problems.length, 1001)
  t.match(problems.at(-1), { code: 'more', severity: 'warning', message: /^199000 / })
  t.strictSame(show(sections), ['s: a=<1>'])
})

t.test('hostile files take no more than their length', async t => {
  const started = cpuTime()
  const comment = `${';--'.repeat(2700)}\n`
  read(`[s]\n${comment.repeat(100)}`)
  read(`[s]\n${`a=${'\\;'.repeat(4000)}\n`.repeat(100)}`)
  const appended = read(`[s]\n${'a+=x\n'.repeat(200_000)}`)
  t.equal(appended.sections[0]?.entries[0]?.value.length, 200_000)
  read('[s](+)\n'.repeat(20_000))
  read(`[s]\n${'[s](+)\n'.repeat(200_000)}`)
  t.ok(cpuTime() - started < 10_000, 'seconds, where anything quadratic would need hours')
})

function read(text: string | Uint8Array, files: Readonly<Record<string, string>> = {}) {
  return readDialect(top, within(text, files))
}

function within(text: string | Uint8Array, files: Readonly<Record<string, string>>) {
  const others = Object.entries(files).map(([name, content]) => [
    name.startsWith('/') ? name : `/etc/asterisk/${name}`,
    content,
  ])
  return memory({ ...Object.fromEntries(others), [top]: text })
}

/** A directory in which everything exists that is spelled out. */
function expandToItself(pattern: string): string[] {
  return expandGlob(pattern, () => ['etc', 'asterisk', 'd', 'a', 'b'])
}

function show(sections: ReturnType<typeof readDialect>['sections']): string[] {
  return sections.map(({ name, template, damaged, entries }) => {
    const values = entries.map(entry => ` ${entry.name}=<${entry.value}>`)
    return `${name}${template ? '!' : ''}${damaged ? '~' : ''}:${values.join('')}`
  })
}
