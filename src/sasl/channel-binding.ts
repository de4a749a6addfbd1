/** The names of RFC 5929 and RFC 9266. */
export type BindingType = 'tls-exporter' | 'tls-unique' | 'tls-server-end-point'

/** A TLS channel, as both of its ends see it and nobody between them. */
export interface ChannelBinding {
  readonly type: BindingType
  readonly data: Uint8Array
}

/**
 * What the user wants of channel binding. `auto` binds where the server says to what (XEP-0440), or on TLS 1.2 to tls-unique; `required` binds or does
 * not log in with a password; `no` never binds.
 */
export type BindingPolicy = 'auto' | 'required' | 'no'

/** What of its channel a client can bind to, by the type's name. */
export type Bindings = ReadonlyMap<BindingType, () => Uint8Array>
