#!/usr/bin/python3
"""A client of a PubSub service by Debian's python3-aioxmpp. Usage: HOST PORT JID PASSWORD CA_FILE SERVICE; see lines.py."""

import asyncio
import sys

import aioxmpp
import aioxmpp.forms
import aioxmpp.pubsub
import aioxmpp.xso
from aioxmpp.pubsub import xso as pubsub
from aioxmpp.security_layer import PasswordSASLProvider, PKIXCertificateVerifier, SecurityLayer, default_ssl_context

import lines


@pubsub.as_payload_class
class Entry(aioxmpp.xso.XSO):
    TAG = (lines.NS, 'entry')
    text = aioxmpp.xso.Text(default=None)

    def __init__(self, text=''):
        super().__init__()
        self.text = text


# The conditions that it does not know.
for name in ('precondition-not-met', 'unsupported-access-model'):
    tag = ('http://jabber.org/protocol/pubsub#errors', name)
    aioxmpp.stanza.Error.as_application_condition(type(aioxmpp.xso.XSO)(name, (aioxmpp.xso.XSO,), {'TAG': tag}))


class Unheard(aioxmpp.service.Service):
    """The events that it can read and has no signal for."""

    ORDER_BEFORE = [aioxmpp.PubSubClient]

    def derive_logger(self, logger):  # which it cannot for what is in a program's own file
        return logger

    @aioxmpp.service.inbound_message_filter
    def on_message(self, message):
        payload = message.xep0060_event and message.xep0060_event.payload
        if isinstance(payload, pubsub.EventPurge):
            lines.emit(event='purge', node=payload.node)
        elif isinstance(payload, pubsub.EventConfiguration):
            lines.emit(event='configuration', node=payload.node)
        return message


class Client:
    # It cannot read <subscription/> without an expiry.
    hears = ('items', 'delete', 'purge', 'configuration')

    def __init__(self, client, service):
        self.client = client
        self.service = aioxmpp.JID.fromstr(service)
        self.pubsub = client.summon(aioxmpp.PubSubClient)
        self.disco = client.summon(aioxmpp.DiscoClient)
        self.pubsub.on_item_published.connect(self.on_item)
        self.pubsub.on_item_retracted.connect(self.on_retraction)
        self.pubsub.on_node_deleted.connect(self.on_deletion)
        client.summon(Unheard)

    def on_item(self, jid, node, item, *, message=None):
        lines.emit(event='items', **{'from': str(jid)}, node=node, items=[entry(item)], retracted=[])

    def on_retraction(self, jid, node, id_, *, message=None):
        lines.emit(event='items', **{'from': str(jid)}, node=node, items=[], retracted=[id_])

    def on_deletion(self, jid, node, *, redirect_uri=None, message=None):
        lines.emit(event='delete', **{'from': str(jid)}, node=node, redirect=redirect_uri)

    async def ask(self, asking):
        try:
            return await asking
        except aioxmpp.errors.XMPPError as error:
            special = error.application_defined_condition
            name = special and special.TAG[1]
            raise lines.refused(error, error.condition.xso_class.TAG[1], name, getattr(special, 'feature', None)) from error

    async def do_info(self, node=None):
        info = await self.ask(self.disco.query_info(self.service, node=node, require_fresh=True, no_cache=True))
        return {'identities': [[one.category, one.type_] for one in info.identities], 'features': sorted(info.features),
                'meta': plain(info.exts[0]) if info.exts else None}

    async def do_nodes(self, node=None):
        items = (await self.ask(self.disco.query_items(self.service, node=node, require_fresh=True))).items
        return [[str(item.jid), item.node, item.name] for item in items]

    async def do_create(self, node=None, config=None):
        if config is None:
            return await self.ask(self.pubsub.create(self.service, node))
        create = pubsub.Request(pubsub.Create())
        create.payload.node = node
        create.configure = pubsub.Configure()
        create.configure.data = form('node_config', config)
        await self.ask(self.client.send(aioxmpp.IQ(type_=aioxmpp.IQType.SET, to=self.service, payload=create)))
        return node

    async def do_defaults(self):
        return plain(await self.ask(self.pubsub.get_default_config(self.service)))

    async def do_config(self, node):
        return plain(await self.ask(self.pubsub.get_node_config(self.service, node)))

    async def do_configure(self, node, config):
        await self.ask(self.pubsub.set_node_config(self.service, form('node_config', config), node))

    async def do_delete(self, node, redirect=None):
        await self.ask(self.pubsub.delete(self.service, node, redirect_uri=redirect))

    async def do_purge(self, node):
        await self.ask(self.pubsub.purge(self.service, node))

    async def do_subscribe(self, node=None, options=None, jid=None):
        who = jid and aioxmpp.JID.fromstr(jid)
        one = (await self.ask(self.pubsub.subscribe(self.service, node, subscription_jid=who))).payload
        if options:  # beside <subscribe/> it writes them with a node and a JID, which must be refused (XEP-0060 §6.3.7)
            await self.do_choose(node, options)
        return {'node': one.node, 'jid': str(one.jid), 'subscription': one.subscription, 'subid': one.subid}

    async def do_unsubscribe(self, node=None, subid=None, jid=None):
        await self.ask(self.pubsub.unsubscribe(self.service, node, subid=subid))

    async def do_options(self, node):
        return plain(await self.ask(self.pubsub.get_subscription_config(self.service, node)))

    async def do_choose(self, node, options):
        await self.ask(self.pubsub.set_subscription_config(self.service, form('subscribe_options', options), node))

    async def do_subscriptions(self, node=None):
        answer = await self.ask(self.pubsub.get_subscriptions(self.service, node))
        return [[one.node, one.subscription] for one in answer.subscriptions]

    async def do_publish(self, node, id=None, text=None, options=None):
        wish = options and form('publish-options', options)
        if text is None:
            publish = pubsub.Publish()
            publish.node, publish.item = node, pubsub.Item(id)
            iq = aioxmpp.IQ(type_=aioxmpp.IQType.SET, to=self.service, payload=pubsub.Request(publish))
            return await self.ask(self.client.send(iq))
        return await self.ask(self.pubsub.publish(self.service, node, Entry(text), id_=id, publish_options=wish))

    async def do_retract(self, node, id, notify=False):
        await self.ask(self.pubsub.retract(self.service, node, id, notify=notify))

    async def do_items(self, node, ids=None, max=None):
        if ids is None:
            answer = await self.ask(self.pubsub.get_items(self.service, node, max_items=max))
        else:
            answer = await self.ask(self.pubsub.get_items_by_id(self.service, node, ids))
        return [entry(item) for item in answer.payload.items]

    async def do_affiliated(self, node):
        answer = await self.ask(self.pubsub.get_node_affiliations(self.service, node))
        return [[str(one.jid), one.affiliation] for one in answer.payload.affiliations]

    async def do_affiliate(self, node, who):
        pairs = [(aioxmpp.JID.fromstr(jid), affiliation) for jid, affiliation in who]
        await self.ask(self.pubsub.change_node_affiliations(self.service, node, pairs))

    async def do_subscribed(self, node):
        answer = await self.ask(self.pubsub.get_node_subscriptions(self.service, node))
        return [[str(one.jid), one.subscription] for one in answer.payload.subscriptions]

    async def do_enrol(self, node, who):
        pairs = [(aioxmpp.JID.fromstr(jid), subscription) for jid, subscription in who]
        await self.ask(self.pubsub.change_node_subscriptions(self.service, node, pairs))


def entry(item):
    payload = item.registered_payload
    return [item.id_, None if payload is None else payload.text or '']


def form(kind, values):
    data = aioxmpp.forms.Data(type_=aioxmpp.forms.DataType.SUBMIT)
    given = {'FORM_TYPE': 'http://jabber.org/protocol/pubsub#' + kind}
    given.update(('pubsub#' + name, value) for name, value in values.items())
    for name, value in given.items():
        kind = aioxmpp.forms.FieldType.HIDDEN if name == 'FORM_TYPE' else None
        value = str(value).lower() if isinstance(value, bool) else value
        data.fields.append(aioxmpp.forms.Field(var=name, type_=kind, values=[value]))
    return data


def plain(data):
    values = {field.var.replace('pubsub#', ''): field.values for field in data.fields if field.var != 'FORM_TYPE'}
    return {name: value[0] if len(value) == 1 else value for name, value in values.items()}


def trusting(ca_file):
    context = default_ssl_context()
    context.load_verify_locations(ca_file)
    return context


async def main():
    host, port, jid, password, ca_file, service = sys.argv[1:]

    async def provide(_, attempt):
        return password if attempt == 0 else None

    security = SecurityLayer(lambda: trusting(ca_file), PKIXCertificateVerifier, True, (PasswordSASLProvider(provide),))
    peer = (host, int(port), aioxmpp.connector.STARTTLSConnector())
    client = aioxmpp.PresenceManagedClient(aioxmpp.JID.fromstr(jid), security, override_peer=[peer])
    operations = Client(client, service)
    async with client.connected():
        lines.emit(event='online', jid=str(client.local_jid), **lines.abilities(operations))
        await lines.serve(operations)


asyncio.run(main())
