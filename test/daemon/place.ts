import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Loopback, startLoopback } from '../../src/testing/index.ts'
import { directory, type Finished, type Program, run, start } from './program.ts'

/** Juliet's password, of characters that mean something to somebody on its way. */
export const SECRET = 'pa55-Wörd;w!th#odd"chars'
/** As it must be written in Asterisk's dialect. */
export const written = SECRET.replace(';', '\\;')

/** Juliet's section of an xmpp.conf. */
export function account(server: Loopback, lines = '', name = 'asterisk'): string {
  return `[${name}]\nusername=juliet@example.com/balcony\nsecret=${written}\nserverhost=127.0.0.1\nport=${server.port}\ntls_cafile=ca.pem\n${lines}\n`
}

/** What a daemon needs around it, and how to talk to it. */
export interface Place {
  readonly dir: string
  readonly conf: string
  readonly control: string
  readonly server: Loopback
  write(text: string): void
  rx(...argv: string[]): Promise<Finished>
}

/** A server, and a directory with an xmpp.conf for it. */
export async function place(t: Test, text: (server: Loopback) => string = account): Promise<Place> {
  const server = await startLoopback({ users: { 'juliet@example.com': SECRET, 'romeo@example.com': 'love' } })
  t.teardown(() => server.stop())
  const dir = directory(t)
  const [conf, control] = [join(dir, 'xmpp.conf'), join(dir, 's')]
  writeFileSync(join(dir, 'ca.pem'), server.ca)
  const write = (content: string): void => writeFileSync(conf, content, { mode: 0o600 })
  write(text(server))
  return { dir, conf, control, server, write, rx: (...argv) => run(t, ['rx', '--control', control, ...argv]) }
}

/** Starts the daemon of a place. */
export function daemon(t: Test, { conf, control }: Place, ...more: string[]): Program {
  return start(t, ['run', '-c', conf, '--control', control, ...more])
}
