import { valuesOf } from './document.ts'
import { type Option, type OptionName, optionNames, options } from './options.ts'

/**
 * An xmpp.conf to begin with: every option of the table with its sentence, commented out. Each stands once in [general] if it may, and once in an
 * account or in the template of accounts.
 */
export function sampleConfig(): string {
  const shared = optionNames('account').filter(name => !ofEachAccount.includes(name))
  return `${head}
[general]
${optionNames('general')
  .map(name => describe(name))
  .join('\n')}

; A template: what several accounts have in common. What stands in an account itself wins.
[account](!)
${shared.map(name => describe(name)).join('\n')}

; A user account on a server. Take away the ";" before the section, username and secret.
;[asterisk](account)
${ofEachAccount
  .filter(name => name !== 'type')
  .map(name => describe(name))
  .join('\n')}

; An external component of a server (XEP-0114). It needs username and secret like the account above: its domain,
; and what the server has for it.
;[gateway](account)
${describe('type', 'component')}
`
}

/** What no two accounts share. */
const ofEachAccount: readonly OptionName[] = [
  'username',
  'secret',
  'secret_file',
  'secret_env',
  'refresh_token',
  'buddy',
  'type',
]

const head = `; xmpp.conf, for res-xmpp and for Asterisk's own res_xmpp, which knows all options but the extensions.
;
; What is shown is the default, or an example where there is none. Take away the ";" to change it; 'res-xmpp check'
; says what is wrong. A ";" begins a comment anywhere in a line: in a secret write "\\;". Quotes are part of a value.
`

/** @param shown what to write instead of the default or the example */
function describe(name: OptionName, shown?: string): string {
  const option: Option = options[name]
  const fallback =
    option.default === undefined ? (option.required ? 'required' : 'no default') : `default ${option.default}`
  const marks = [valuesOf(option), fallback, ...(option.extension ? ['extension'] : [])].join('; ')
  const lines = wrap(`${option.summary.replaceAll('`', "'")} (${marks})`, 116)
  const value = shown ?? option.default ?? option.example ?? ''
  return ['', ...lines.map(line => `; ${line}`), `;${name} = ${value}`].join('\n')
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
