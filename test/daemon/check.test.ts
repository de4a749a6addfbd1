import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { check } from '../../src/daemon/check.ts'
import { files } from '../../src/daemon/files.ts'
import type { Io } from '../../src/daemon/io.ts'
import { makeCertificate } from '../../src/testing/certificate.ts'

t.test('a private key on the disk that everyone can read', async t => {
  const { cert, key } = makeCertificate({ names: ['pbx.example'], purpose: 'client' })
  const lines = 'username=a@example.com\nsecret=hunter2\nserverhost=h\ntls_certfile=own.pem\ntls_keyfile=own.key\n'
  const directory = t.testdir({ 'own.pem': cert, 'own.key': key, 'xmpp.conf': `[a]\n${lines}` })
  const run = async (): Promise<{ code: number; text: string }> => {
    let text = ''
    const io = {
      stdout: (more: string) => {
        text += more
      },
    } as Io
    const code = await check([join(directory, 'xmpp.conf'), '--print'], io)
    return { code, text }
  }
  chmodSync(join(directory, 'own.key'), 0o640)
  t.equal(files.mode?.(join(directory, 'own.key')), 0o640)
  const good = await run()
  t.equal(good.code, 0)
  t.notMatch(good.text, /warning/)
  t.match(good.text, /\ntls_certfile = own\.pem\ntls_keyfile = own\.key\n/)
  t.notOk(good.text.includes(key.split('\n')[1] as string), 'the key itself is not printed')
  t.notMatch(good.text, /hunter2/)

  chmodSync(join(directory, 'own.key'), 0o644)
  const bad = await run()
  t.equal(bad.code, 0)
  t.match(bad.text, /xmpp\.conf:6: warning: \[a\] tls_keyfile: everyone on this machine can read the private key/)
  t.equal(files.mode?.(join(directory, 'none')), undefined)
})
