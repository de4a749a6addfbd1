import { type Option, type OptionName, options } from './options.ts'

/** docs/xmpp-conf.md: every option, from the table itself. */
export function documentOptions(): string {
  const rows = (Object.keys(options) as OptionName[]).map(name => row(name, options[name]))
  return `# xmpp.conf

<!-- Made by \`npm run docs\` from src/config/options.ts. -->

\`res-xmpp\` reads Asterisk's \`xmpp.conf\`, in Asterisk's own syntax: templates, \`#include\`, block comments, \`+=\` and all. Every section but \`[general]\` and templates is an account; sections of one name are one account, and of an option given twice the last counts. \`[global]\` means \`[general]\`, unless it has a
\`username\`. Option names ignore case; words for yes are yes, true, y, t, 1 and on, for no no, false, n, f, 0 and off. Numbers may be hexadecimal (\`0x1f\`)
or octal (\`017\`). \`res-xmpp check\` says what is wrong with a file, \`res-xmpp sample\` prints one to begin with.

\`#exec\` runs its command, by \`/bin/sh\` and as the user of the daemon, only when the daemon (or \`check\`) was started with \`--execincludes\`; otherwise the line is ignored, with a
warning. What the command prints is read like an included file; if it exits with another code than 0 that is an error, with which nothing is reloaded, though the daemon starts with what there is; what it says on its standard error is not shown. It may take 10 s and print 1 MiB; one that takes longer or prints more
counts as a missing file.

The secret of an account may lie elsewhere: in a file (\`secret_file\`) or in the daemon's environment (\`secret_env\`), instead of \`secret\` and never beside it. The file holds it in UTF-8
and exactly, but for one line end behind it. A file that everyone on the machine can read and that holds a secret is a warning.

Options marked ⊕ are ours: Asterisk's module does not know them.

| option | where | values | default | on reload | meaning |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

On reload a changed option means: _presence_, it is sent anew; _buddies_, new ones are asked for their presence; _live_, it holds from now on; _events_, the distribution of events begins anew; _reconnect_, the account closes its stream
and connects again.

## Where we differ from res_xmpp

- \`usetls=yes\` means TLS or no session, with a certificate that names the domain of \`username\`. res_xmpp goes on in clear, and verifies nothing.
- A certificate names that domain as a DNS name (\`*.\` stands for one label), as an SRVName (\`_xmpp-client.\` and \`_xmpps-client.\`; \`_xmpp-server.\` for a component) or as an
  XmppAddr, and an address as an address; IDNA domains are compared as A-labels. A common name names nothing (RFC 6120 §13.7.1.2, RFC 9525).
- Without \`serverhost\` a client's servers are those that the DNS names for its domain, for STARTTLS (\`_xmpp-client\`) and for direct TLS (\`_xmpps-client\`, XEP-0368) taken together by
  priority and weight: \`forceoldssl=yes\` takes only the latter, \`usetls=no\` only the former. All are tried, and certificates must name the domain whatever the servers are called.
  res_xmpp requires \`serverhost\`. For a component it is the domain itself: XEP-0114 has no such records.
- A server that answers \`see-other-host\` is believed, for at most five hosts in a row, in no circle, and with TLS as it was; what is in clear on this machine is not led off it.
- \`auth_policy\` decides who may see our presence, and \`autoregister\` only whether buddies are asked for theirs. res_xmpp ignores \`auth_policy\`: there \`autoregister\` decides both. Any
  word but \`accept\` means \`deny\`, with a warning.
- \`distribute_events=yes\` without \`pubsub_node\` is an error. res_xmpp then publishes states to the PEP node of the account, where its contacts may read them.
- With \`distribute_events\` whoever joins reads what was published before, and a service without collections is found out: [events.md](events.md). res_xmpp does neither.
- \`sendtodialplan\` is read and checked, and does nothing yet: \`yes\` is a warning that says so.
- \`forceoldssl=yes\` works: direct TLS, by default on port 5223. res_xmpp ignores it.
- A component has no STARTTLS. On another host than this one it needs \`forceoldssl=yes\` or an explicit \`usetls=no\`; with neither it is an error. res_xmpp waits for ever.
- An account with an error is reported and left out; the others run. res_xmpp gives up the whole file.
- One pair of double quotes around the whole \`statusmessage\` is removed.
- \`type\` takes no other words, \`port\` is checked, a mistyped \`usetls\` or \`tls_verify\` is an error and not a silent no.
- Any other word that is neither yes nor no is a warning. It means no for both.
- A buddy given twice is a warning. res_xmpp gives up the whole file.
- A line that is not UTF-8, or holds a NUL byte, is an error of its section. Asterisk takes such a line as it is, up to the NUL.
- The command of an \`#exec\` that takes longer than 10 s, prints more than 1 MiB or is killed counts as a missing file. Asterisk waits for it, and takes what it has printed.
- A \`--;\` that ends no comment block is text, with a warning. Asterisk ignores the rest of the file.
`
}

const places = { general: '[general]', account: 'account', both: '[general], account' } as const

function row(name: string, option: Option): string {
  const mark = option.extension ? ' ⊕' : ''
  const fallback = option.default === undefined ? (option.required ? 'required' : '–') : `\`${option.default}\``
  const cells = [`\`${name}\`${mark}`, places[option.scope], valuesOf(option), fallback, option.change, option.summary]
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

/** What an option may be, for people: words, numbers from … to, text. */
export function valuesOf({ kind, aliases, range }: Option): string {
  if (typeof kind !== 'string') {
    const others = Object.entries(aliases ?? {}).map(([word, meaning]) => `${word} = ${meaning}`)
    return [kind.join(', '), ...(others.length === 0 ? [] : [`(${others.join(', ')})`])].join(' ')
  }
  const names = { boolean: 'yes, no', unsigned: 'number', integer: 'number', string: 'text', list: 'text, repeatable' }
  return range === undefined ? names[kind as keyof typeof names] : `${range[0]}…${range[1]}`
}
