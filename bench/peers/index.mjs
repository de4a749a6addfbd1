import { readFileSync } from 'node:fs'

/** All that are measured, by file; ours first. */
const files = [
  'res-xmpp-client',
  'res-xmpp-component',
  'xmppjs-client',
  'xmppjs-component',
  'stanza',
  'strophe-client',
  'strophe-component',
  'raw',
]

/** Those whose file or name holds one of the texts; ours always. */
export async function loadPeers(texts) {
  const all = await Promise.all(
    files.map(async file => ({ file, ours: file.startsWith('res-xmpp'), ...(await import(`./${file}.mjs`)).peer })),
  )
  if (texts.length === 0) return all
  return all.filter(({ file, name, ours }) => ours || texts.some(text => file.includes(text) || name.includes(text)))
}

/** What they are compared with, in the versions that are pinned. */
export function versions() {
  const { dependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return Object.entries(dependencies).map(([name, version]) => `${name} ${version}`)
}
