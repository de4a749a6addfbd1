/** Asterisk's places for the accounts: xmpp.conf, or its old name. */
export const usualConfigs = ['/etc/asterisk/xmpp.conf', '/etc/asterisk/jabber.conf'] as const

/** Where the daemon's own settings are looked for when none are named. */
export const usualSettings = '/etc/res-xmpp.conf'
