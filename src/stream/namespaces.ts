/** RFC 6120 §4.8.1. */
export const NS_STREAM = 'http://etherx.jabber.org/streams'
/** Namespaces in XML 1.0 §3: what the prefixes `xml` and `xmlns` stand for, without being declared. */
export const NS_XML = 'http://www.w3.org/XML/1998/namespace'
export const NS_XMLNS = 'http://www.w3.org/2000/xmlns/'
