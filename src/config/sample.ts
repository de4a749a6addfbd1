import { valuesOf } from './document.ts'
import { findOption, type OptionName, optionNames } from './options.ts'

/** A commented xmpp.conf with every option, from the table itself. Nothing in it is in effect before something is uncommented. */
export function sampleConfig(): string {
  const component = ['type', 'username', 'secret', 'serverhost', 'port'] as const
  return `; xmpp.conf, read by res-xmpp and by Asterisk's res_xmpp. A ";" begins a comment; "\\;" is a ";" in a value.
; Options marked (res-xmpp) are not known to Asterisk's module. "res-xmpp check" says what is wrong with a file.
; Nobody but the daemon should be able to read it: chmod 640, or secret_file for the secrets.

[general]
${optionNames('general').map(option).join('\n')}

; A client: an account on a server. Without the rest, username and a secret are enough.
;[asterisk]
${optionNames('account').map(option).join('\n')}

; A component (XEP-0114): username is its domain. It has no STARTTLS: on another host it needs forceoldssl or usetls=no.
;[gateway]
${component.map(name => `;${name} = ${componentValues[name]}`).join('\n')}

; What several accounts share stands in a template.
;[shared](!)
;serverhost = 127.0.0.1
;[one](shared)
;username = one@example.org
`
}

const componentValues = {
  type: 'component',
  username: 'pbx.example.org',
  secret: 'change-me',
  serverhost: '127.0.0.1',
  port: '5347',
} as const

const WIDTH = 110

function option(name: OptionName): string {
  const known = findOption(name)
  if (known === undefined) return ''
  const { summary, extension, example = '', default: fallback = example, required } = known
  const more = [required ? 'required' : '', extension ? 'res-xmpp' : ''].filter(word => word !== '')
  const mark = more.length === 0 ? '' : ` (${more.join('; ')})`
  // A ";" in a comment is as good as any; in a value it would begin one.
  return `\n${wrapped(`${summary}${mark} Values: ${valuesOf(known)}.`)}\n;${name} = ${fallback.replaceAll(';', '\\;')}`
}

function wrapped(text: string): string {
  const lines: string[] = []
  let line = ';'
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = ';'
    }
    line += ` ${word}`
  }
  return [...lines, line].join('\n')
}
