/** What a changed option does to a running account at reload. */
export type Effect =
  /** New presence, same connection. */
  | 'presence'
  /** Holds from now on, same connection. */
  | 'live'
  /** Buddies are subscribed to, or dropped from our list. */
  | 'buddies'
  /** The account's event distribution restarts, same connection. */
  | 'events'
  /** The account closes its stream and connects anew. */
  | 'reconnect'

/** One option of xmpp.conf: everything that is known of it. */
export interface Option {
  /** Where it may stand. With `both`, the value in [general] is the default of every account. */
  readonly scope: 'general' | 'account' | 'both'
  /** A list of words means one of them. `unsigned` and `integer` are base 0: `0x1f` and `017` are hexadecimal and octal. */
  readonly kind: 'boolean' | 'unsigned' | 'integer' | 'string' | 'list' | readonly string[]
  /** Other words for the words of `kind`. */
  readonly aliases?: Readonly<Record<string, string>>
  /** As it would be written in the file. */
  readonly default?: string
  readonly required?: true
  /** The least and the greatest number allowed. */
  readonly range?: readonly [number, number]
  /** Never shown. */
  readonly secret?: true
  /** Ours: res_xmpp does not know it. */
  readonly extension?: true
  /** What a word that is none of `kind` means, with a warning. Without it such a word is an error. */
  readonly otherwise?: string
  /** A boolean whose mistyped word must not pass for `no`, since `no` is the less secure choice. */
  readonly guarded?: true
  /** What could be written in the file, where there is no default to show. */
  readonly example?: string
  readonly change: Effect
  /** One sentence for the documentation. */
  readonly summary: string
}

/** Every option that does something, once. Parsing, defaults, types, documentation and the effect of a reload come from it. */
export const options = {
  type: {
    scope: 'account',
    kind: ['client', 'component'],
    default: 'client',
    change: 'reconnect',
    summary: 'A user account on a server, or an external component (XEP-0114) of one.',
  },
  username: {
    scope: 'account',
    kind: 'string',
    example: 'asterisk@example.com/pbx',
    required: true,
    change: 'reconnect',
    summary:
      'The JID to log in as; without a resource a client gets `/asterisk-xmpp`, which a server with XEP-0386 completes. For a component it is its domain.',
  },
  secret: {
    scope: 'account',
    kind: 'string',
    example: 'change me',
    secret: true,
    change: 'reconnect',
    summary:
      'The password of the account, or the secret the component shares with its server. Not needed by a client that logs in with `refresh_token`, with `tls_certfile`, or anonymously.',
  },
  refresh_token: {
    scope: 'account',
    kind: 'string',
    example: '1//refresh-token',
    secret: true,
    change: 'reconnect',
    summary:
      'An OAuth 2.0 refresh token (RFC 6749 §6): access tokens are fetched with it, and the login is by X-OAUTH2 or OAUTHBEARER, never with a password. It needs `oauth_clientid` and `oauth_secret`, and takes the place of `secret`.',
  },
  oauth_clientid: {
    scope: 'account',
    kind: 'string',
    example: 'client.apps.example.com',
    change: 'reconnect',
    summary: 'The client identifier that `refresh_token` was issued to.',
  },
  oauth_secret: {
    scope: 'account',
    kind: 'string',
    example: 'client secret',
    secret: true,
    change: 'reconnect',
    summary: 'The client secret that belongs to `oauth_clientid`.',
  },
  serverhost: {
    scope: 'account',
    kind: 'string',
    example: 'xmpp.example.com',
    change: 'reconnect',
    summary:
      'The host to connect to. Without it a client looks up the servers of its domain in the DNS (SRV, direct TLS included), and takes the domain itself when there are none; a component takes its domain.',
  },
  port: {
    scope: 'account',
    kind: 'unsigned',
    example: '5222',
    range: [1, 65535],
    change: 'reconnect',
    summary:
      'The TCP port to connect to. Without `serverhost` it is a port of the domain itself, and nothing is looked up. Default 5222, 5223 for a client with `forceoldssl`, 5347 for a component; for a client without `serverhost` what the DNS says.',
  },
  usetls: {
    scope: 'account',
    kind: 'boolean',
    default: 'yes',
    guarded: true,
    change: 'reconnect',
    summary: 'TLS or no session at all; `no` sends everything in clear. A component has TLS with `forceoldssl` only.',
  },
  forceoldssl: {
    scope: 'account',
    kind: 'boolean',
    default: 'no',
    change: 'reconnect',
    summary:
      'Speak TLS from the first byte instead of asking for it with STARTTLS; servers found in the DNS may be of either kind without it.',
  },
  usesasl: {
    scope: 'account',
    kind: 'boolean',
    default: 'yes',
    change: 'reconnect',
    summary:
      'Log in with SASL; `no` means the older XEP-0078, with a digest of the password, or the password itself under TLS.',
  },
  status: {
    scope: 'account',
    kind: ['chat', 'available', 'away', 'xa', 'dnd', 'unavailable'],
    aliases: { chatty: 'chat', online: 'available', xaway: 'xa', invisible: 'dnd' },
    default: 'available',
    change: 'presence',
    summary: 'The presence shown to others.',
  },
  statusmessage: {
    scope: 'account',
    kind: 'string',
    default: 'Online and Available',
    change: 'presence',
    summary: 'The text shown with the presence; one pair of double quotes around the whole of it is removed.',
  },
  priority: {
    scope: 'account',
    kind: 'integer',
    default: '1',
    range: [-128, 127],
    change: 'presence',
    summary: 'The priority of this resource among others of the same account (RFC 6121 §4.7.2.3).',
  },
  buddy: {
    scope: 'account',
    kind: 'list',
    example: 'bob@example.com',
    change: 'buddies',
    summary: 'A bare JID whose presence is wanted; may be given many times.',
  },
  autoregister: {
    scope: 'both',
    kind: 'boolean',
    default: 'yes',
    change: 'live',
    summary: 'Subscribe to the presence of every buddy that is not subscribed to yet.',
  },
  auth_policy: {
    scope: 'both',
    kind: ['accept', 'deny'],
    default: 'accept',
    otherwise: 'deny',
    change: 'live',
    summary:
      'Whether those who ask to see our presence may: `accept` answers `subscribed`, and asks for theirs in return with `autoregister=yes`; `deny` answers `unsubscribed`.',
  },
  autoprune: {
    scope: 'both',
    kind: 'boolean',
    default: 'no',
    change: 'live',
    summary:
      'Remove from the roster whomever no `buddy` names, once after each login, or at the reload that switches it on. `res-xmpp check --roster ACCOUNT` shows beforehand who that would be.',
  },
  timeout: {
    scope: 'account',
    kind: 'unsigned',
    default: '5',
    // The greatest number of seconds whose milliseconds a timer of Node can count.
    range: [0, 2147483],
    change: 'live',
    summary: 'Seconds for which a received message is held for `xmpp receive` (JABBER_RECEIVE); then it is given up.',
  },
  context: {
    scope: 'account',
    kind: 'string',
    default: 'default',
    change: 'live',
    summary: 'The context of the dialplan that incoming messages are handed to, with `sendtodialplan=yes`.',
  },
  sendtodialplan: {
    scope: 'account',
    kind: 'boolean',
    default: 'no',
    change: 'live',
    summary: 'Hand incoming messages to the dialplan, extension `s` of `context`.',
  },
  distribute_events: {
    scope: 'account',
    kind: 'boolean',
    default: 'no',
    change: 'events',
    summary:
      'Share the states of devices and mailboxes with other PBXes, through the PubSub service of `pubsub_node`; `res-xmpp.conf` says who we are.',
  },
  pubsub_node: {
    scope: 'account',
    kind: 'string',
    example: 'pubsub.example.com',
    change: 'events',
    summary:
      'The JID of the PubSub service (XEP-0060) where `distribute_events` shares states, and whose nodes the console shows.',
  },
  collection_nodes: {
    scope: 'general',
    kind: 'boolean',
    default: 'no',
    change: 'events',
    summary:
      'Give each device and each mailbox a node of its own, in collections (XEP-0248), or searched for where the service has none; all PBXes have to agree.',
  },
  pubsub_autocreate: {
    scope: 'general',
    kind: 'boolean',
    default: 'no',
    change: 'events',
    summary:
      'Create nodes before they are used, rather than when the service says that they are missing. Buddies own them too.',
  },
  keepalive: {
    scope: 'account',
    kind: 'boolean',
    default: 'yes',
    change: 'live',
    summary: 'Ping the server (XEP-0199) after 50 silent seconds.',
  },
  debug: {
    scope: 'both',
    kind: 'boolean',
    default: 'no',
    change: 'live',
    summary: 'Log every stanza, with secrets masked.',
  },
  secret_env: {
    scope: 'account',
    kind: 'string',
    example: 'XMPP_SECRET',
    extension: true,
    change: 'reconnect',
    summary: 'The environment variable of the daemon that holds the secret, instead of `secret`.',
  },
  secret_file: {
    scope: 'account',
    kind: 'string',
    example: 'xmpp.secret',
    extension: true,
    change: 'reconnect',
    summary:
      'The file that holds the secret and nothing else, instead of `secret`; relative to the directory of xmpp.conf. It is read at the start and on reload.',
  },
  oauth_token_url: {
    scope: 'account',
    kind: 'string',
    default: 'https://oauth2.googleapis.com/token',
    extension: true,
    change: 'reconnect',
    summary:
      'Where access tokens are fetched with `refresh_token`: https, or http on this machine only. Its certificate is verified with the usual CAs, not with `tls_cafile`; the environment variable NODE_EXTRA_CA_CERTS of the daemon names a file with further ones.',
  },
  sasl_mechanisms: {
    scope: 'account',
    kind: 'string',
    example: 'SCRAM-SHA-256-PLUS, SCRAM-SHA-256',
    extension: true,
    change: 'reconnect',
    summary:
      'The SASL mechanisms that may be used, separated by blanks or commas; the strongest that the server offers is taken. Default all that the account has credentials for: SCRAM-SHA-512, -256 and -1, with -PLUS where they can be bound, PLAIN and DIGEST-MD5 with `secret`; X-OAUTH2 and OAUTHBEARER with `refresh_token`; EXTERNAL with `tls_certfile`; ANONYMOUS with a `username` that is only a domain.',
  },
  channel_binding: {
    scope: 'account',
    kind: ['auto', 'required', 'no'],
    default: 'auto',
    extension: true,
    change: 'reconnect',
    summary:
      'Whether SCRAM is bound to its TLS channel (-PLUS). `auto` does so where the server says how; `required` refuses every other login, and so protects against someone on the way who has a certificate for the domain; `no` never does.',
  },
  stream_management: {
    scope: 'account',
    kind: 'boolean',
    default: 'yes',
    extension: true,
    change: 'reconnect',
    summary:
      'Count what has arrived and resume the session after a lost connection, where the server can (XEP-0198): nothing is lost then, and nothing comes twice.',
  },
  tls_verify: {
    scope: 'account',
    kind: 'boolean',
    default: 'yes',
    extension: true,
    guarded: true,
    change: 'reconnect',
    summary: "Verify the server's certificate and that it names the domain of `username`.",
  },
  tls_cafile: {
    scope: 'account',
    kind: 'string',
    example: 'ca.pem',
    extension: true,
    change: 'reconnect',
    summary:
      'A PEM file with the certificates to trust instead of the usual ones; relative to the directory of xmpp.conf. It is read at the start and on reload: whoever changes it has to reload.',
  },
  tls_servername: {
    scope: 'account',
    kind: 'string',
    example: 'xmpp.provider.example',
    extension: true,
    change: 'reconnect',
    summary:
      'The name to ask for (SNI) and to look for in the certificate, instead of the domain of `username`. Whoever has a certificate for that name is then trusted to be the server of the domain: name only a host of its provider.',
  },
  tls_certfile: {
    scope: 'account',
    kind: 'string',
    example: 'pbx.pem',
    extension: true,
    change: 'reconnect',
    summary:
      "A PEM file with the account's own certificate, then those of its issuers, for a server that asks for one; relative to the directory of xmpp.conf.",
  },
  tls_keyfile: {
    scope: 'account',
    kind: 'string',
    example: 'pbx.key',
    extension: true,
    change: 'reconnect',
    summary:
      'A PEM file with the private key of `tls_certfile`, not encrypted; nobody but the daemon should be able to read it. Not needed when the key is in `tls_certfile`.',
  },
} as const satisfies Record<string, Option>

/** Names of the options in the table. */
export type OptionName = keyof Table

/** Every option an account has, by the name it has in the file; defaults filled in. */
export type AccountOptions = {
  readonly [Name in OptionName as Table[Name]['scope'] extends 'general' ? never : Name]: Parsed<Table[Name]>
}

/** Every option of [general]. */
export type GeneralOptions = {
  readonly [Name in OptionName as Table[Name]['scope'] extends 'account' ? never : Name]: Parsed<Table[Name]>
}

/** The option of that name, which must be in lower case. Undefined for every other name, `__proto__` included. */
export function findOption(name: string): Option | undefined {
  return Object.hasOwn(options, name) ? options[name as OptionName] : undefined
}

/** The names of the table that are allowed in [general] or in an account, in the order of the table. */
export function optionNames(scope: 'general' | 'account'): OptionName[] {
  const names = Object.keys(options) as OptionName[]
  return names.filter(name => options[name].scope === scope || options[name].scope === 'both')
}

type Table = typeof options

type Parsed<O> = O extends { default: string } | { required: true } | { kind: 'list' } ? Value<O> : Value<O> | undefined

type Value<O> = O extends { kind: infer Kind }
  ? Kind extends 'boolean'
    ? boolean
    : Kind extends 'unsigned' | 'integer'
      ? number
      : Kind extends 'string'
        ? string
        : Kind extends 'list'
          ? readonly string[]
          : Kind extends readonly (infer Word)[]
            ? Word
            : never
  : never
