/** `res-xmpp/testing`: an XMPP server on 127.0.0.1 for tests and demonstrations, and the certificates it shows. */
export type { Certificate, CertificateOptions } from './certificate.ts'
export { makeCertificate } from './certificate.ts'
export type { LoopbackOptions } from './options.ts'
export type { StanzaHook } from './router.ts'
export type { Loopback } from './server.ts'
export { startLoopback } from './server.ts'
