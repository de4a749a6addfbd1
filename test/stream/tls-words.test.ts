import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { alertIn, explain } from '../../src/stream/tls-words.ts'
import { type CertificateOptions, makeCertificate } from '../../src/testing/certificate.ts'

const name = 'im.example.com'
const der = (options: CertificateOptions): Uint8Array => new X509Certificate(makeCertificate(options).cert).raw
const leaf = der({ names: [name] })
const past = der({ names: ['old CA'], notAfter: new Date('2001-02-03T04:05:06Z') })
const future = der({ names: ['new CA'], notBefore: new Date('2091-02-03T04:05:06Z') })

const failed = (
  code: string | undefined,
  more: object = {},
  chain: readonly Uint8Array[] = [leaf],
  certified = false,
) =>
  explain({
    error: Object.assign(new Error('so it is'), code === undefined ? {} : { code }, more),
    name,
    chain,
    certified,
  })

t.test('verdicts on a certificate', async t => {
  const rows: readonly (readonly [code: string, chain: readonly Uint8Array[], condition: string, words: RegExp])[] = [
    ['CERT_HAS_EXPIRED', [past], 'certificate_expired', /: it has expired, on 2001-02-03T04:05:06Z \(CERT/],
    [
      'CERT_HAS_EXPIRED',
      [leaf, past],
      'certificate_expired',
      /: the certificate of its issuer "old CA" has expired, on 2001-02-03T04:05:06Z \(/,
    ],
    ['CERT_HAS_EXPIRED', [leaf], 'certificate_expired', /: the certificate of one of its issuers has expired \(/],
    ['CERT_HAS_EXPIRED', [], 'certificate_expired', /: the certificate of one of its issuers has expired \(/],
    ['CERT_NOT_YET_VALID', [future], 'certificate_expired', /: it is not valid before 2091-02-03T04:05:06Z; is the/],
    ['CERT_NOT_YET_VALID', [leaf, future], 'certificate_expired', /: the certificate of its issuer "new CA" is not/],
    ['CERT_NOT_YET_VALID', [], 'certificate_expired', /: it is not valid yet; is the clock right\? It says 2/],
    ['CERT_REVOKED', [leaf], 'certificate_revoked', /: it has been revoked \(CERT_REVOKED\)$/],
    ['INVALID_CA', [leaf], 'bad_certificate', /: "test CA of im\.example\.com", which has issued it, is not a CA/],
    ['INVALID_CA', [], 'bad_certificate', /: "someone"/],
    ['PATH_LENGTH_EXCEEDED', [leaf], 'bad_certificate', /: there are more certificates between/],
    ['CERT_UNTRUSTED', [leaf], 'certificate_unknown', /: "test CA of im\.example\.com" is not trusted/],
    ['UNABLE_TO_GET_ISSUER_CERT', [leaf, past], 'unknown_ca', /the server sent 2 certificates, .* "test CA of old CA"/],
    ['UNSPECIFIED', [leaf], 'bad_certificate', /: so it is \(UNSPECIFIED\)$/],
    [
      'CERT_REVOKED',
      [Buffer.from('junk')],
      'bad_certificate',
      /: the certificate cannot be read: .* \(CERT_REVOKED\)$/,
    ],
  ]
  for (const [code, chain, condition, message] of rows) {
    const error = failed(code, {}, chain)
    t.match(error, { code: 'XMPP_TLS_REFUSED', condition, message, cause: { code } }, String(message))
    t.match(error.message, /^the server's certificate for im\.example\.com is refused: /)
  }
})

t.test('alerts of the other side', async t => {
  const code = (name: string) => `ERR_SSL_${name}`
  t.match(failed(code('TLSV13_ALERT_CERTIFICATE_REQUIRED')), {
    condition: 'certificate_required',
    message:
      'im.example.com ends the TLS handshake: it wants a certificate of ours (ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED)',
  })
  t.match(failed(code('TLSV1_UNRECOGNIZED_NAME')), { condition: 'unrecognized_name', message: /serves no such name/ })
  t.match(failed(code('TLSV1_ALERT_UNKNOWN_CA')), { condition: 'unknown_ca', message: /handshake: it does not know/ })
  t.match(failed(code('TLSV1_ALERT_UNKNOWN_CA'), {}, [], true), { message: /our own certificate is refused: it does/ })
  const failure = code('SSLV3_ALERT_HANDSHAKE_FAILURE')
  t.match(failed(failure), { condition: 'handshake_failure', message: /no cipher, .*; or it wants a certificate \(/ })
  t.notMatch(failed(failure, {}, [], true).message, /or it wants/)
  t.equal(alertIn(new Error('x')), undefined)
  t.match(alertIn({ code: code('SSL/TLS_ALERT_HANDSHAKE_FAILURE') }), { condition: 'handshake_failure' }, 'OpenSSL 3.2')
  t.equal(alertIn({ code: 'ERR_SSL_TLSV1_ALERT_OF_ANOTHER_WORLD' }), undefined)
  t.equal(alertIn({ code: 5 }), undefined)
})

t.test('all the rest', async t => {
  t.match(failed('ECONNRESET'), { condition: 'close_notify', message: /closed the connection during the handshake/ })
  t.match(failed('ERR_SSL_DH_KEY_TOO_SMALL'), { condition: 'insufficient_security', message: /too weak/ })
  t.match(failed('ERR_SSL_VERSION_TOO_LOW'), { condition: 'protocol_version' })
  t.match(failed('ERR_OSSL_ASN1_TOO_LONG'), { condition: 'bad_certificate', message: /is damaged \(ERR_OSSL/ })
  // OpenSSL's own message names files of its sources, its reason does not.
  t.equal(
    failed('ERR_SSL_NEW_TROUBLE', { reason: 'new trouble' }).message,
    'TLS with im.example.com failed: new trouble (ERR_SSL_NEW_TROUBLE)',
  )
  const plain = failed(undefined)
  t.equal(plain.message, 'TLS with im.example.com failed: so it is')
  t.equal(plain.condition, undefined)
})
