import t from 'tap'
import { loadConfig, type OptionName, optionNames, readDialect, sampleConfig } from '../../src/config/index.ts'
import { memory } from './memory.ts'

const sample = sampleConfig()
const read = (text: string) => loadConfig('/c/xmpp.conf', memory({ '/c/xmpp.conf': text }))

t.test('every option stands in it once, where it belongs, and nothing is in effect', async t => {
  const dialect = readDialect('/c', memory({ '/c': sample }))
  t.strictSame(dialect.problems, [])
  t.strictSame(
    dialect.sections.map(({ name, entries }) => [name, entries.length]),
    [['general', 0]],
  )
  const [general = '', account = '', component = ''] = sample.split(/^;?\[(?:general|asterisk|gateway)\]$/m).slice(1)
  const names = (text: string): string[] => [...text.matchAll(/^;([a-z_]+) = /gm)].map(([, name]) => name as string)
  t.strictSame(names(general), optionNames('general'))
  t.strictSame(names(account), optionNames('account'))
  for (const name of names(component)) t.ok(optionNames('account').includes(name as OptionName), name)
})

t.test('what is uncommented works', async t => {
  const lines = sample.split('\n')
  const uncomment = (...wanted: readonly RegExp[]): string =>
    lines.map(line => (wanted.some(pattern => pattern.test(line)) ? line.slice(1) : line)).join('\n')
  const least = [/^;\[asterisk\]/, /^;username = asterisk@/, /^;secret = change-me$/] as const
  const { accounts, problems } = read(uncomment(...least))
  t.strictSame(problems, [])
  t.equal(accounts[0]?.username, 'asterisk@example.org')

  // Each option by itself: its default or example is a value that it takes.
  for (const name of new Set([...optionNames('account'), ...optionNames('general')])) {
    const found = read(uncomment(...least, new RegExp(`^;${name} = `)))
    const bad = found.problems.filter(({ code, option }) => code === 'bad-value' && option === name)
    t.strictSame(bad, [], name)
  }
})

t.test('the component in it works', async t => {
  const at = sample.indexOf(';[gateway]')
  const text = sample.slice(at, sample.indexOf('; What several')).replace(/^;/gm, '')
  const { accounts, problems } = read(text)
  t.strictSame(problems, [])
  t.match(accounts, [{ name: 'gateway', type: 'component', tls: 'none', port: 5347 }])
})
