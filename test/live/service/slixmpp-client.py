#!/usr/bin/python3
"""A client of a PubSub service by Debian's python3-slixmpp. Usage: HOST PORT JID PASSWORD CA_FILE SERVICE; see lines.py."""

import sys

import slixmpp
from slixmpp.exceptions import IqError
from slixmpp.plugins.xep_0059.stanza import Set
from slixmpp.plugins.xep_0060 import stanza
from slixmpp.xmlstream import ET, register_stanza_plugin
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath, StanzaPath

import lines

NS_ERRORS = '{http://jabber.org/protocol/pubsub#errors}'
NS_EVENT = '{http://jabber.org/protocol/pubsub#event}'
NS_AUTHORIZATION = 'http://jabber.org/protocol/pubsub#subscribe_authorization'
PLUGINS = ('xep_0004', 'xep_0030', 'xep_0050', 'xep_0059', 'xep_0060', 'xep_0131', 'xep_0199')


class Client(slixmpp.ClientXMPP):
    hears = ('items', 'delete', 'purge', 'configuration', 'subscription', 'create', 'collection', 'authorization')

    def __init__(self, jid, password, ca_file, service):
        super().__init__(jid, password)
        self.ca_certs = ca_file
        self.service = service
        self.auto_authorize = True
        self.auto_subscribe = False
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        register_stanza_plugin(stanza.Pubsub, Set)  # which iterate() needs, and it forgets
        self.pubsub = self['xep_0060']
        self.over = self.loop.create_future()
        self.add_event_handler('session_start', self.on_start)
        self.add_event_handler('disconnected', lambda _: self.over.done() or self.over.set_result(None))
        for name in ('connection_failed', 'failed_all_auth', 'stream_error'):
            self.add_event_handler(name, lambda what, name=name: lines.emit(event='error', reason=name, text=str(what)))
        self.register_handler(Callback('events', StanzaPath('message/pubsub_event'), self.on_event))
        self.register_handler(Callback('forms', StanzaPath('message/form'), self.on_form))
        self.register_handler(Callback('presence', MatchXPath('{jabber:client}presence'), self.on_presence))

    async def on_start(self, _):
        await self.get_roster()
        self.send_presence()
        lines.emit(event='online', jid=str(self.boundjid), **lines.abilities(self))

    def on_event(self, message):
        event = message['pubsub_event']
        name = event.xml[0].tag.replace(NS_EVENT, '')
        told = {'event': name, 'from': str(message['from']), 'node': event.xml[0].get('node', ''), 'headers': headers(message)}
        if name == 'items':
            told['items'] = [entry(item) for item in event['items'] if item.name == 'item']
            told['retracted'] = [item['id'] for item in event['items'] if item.name == 'retract']
        elif name == 'subscription':
            told['subscription'] = event['subscription']['subscription']
        elif name == 'delete':
            told['redirect'] = event['delete']['redirect']
        elif name == 'collection':
            told['what'], told['child'] = event.xml[0][0].tag.replace(NS_EVENT, ''), event.xml[0][0].get('node')
        lines.emit(**told)

    def on_form(self, message):
        values = message['form'].get_values()
        if values.get('FORM_TYPE') == [NS_AUTHORIZATION]:
            lines.emit(event='authorization', form={name[7:]: values[name] for name in values if name != 'FORM_TYPE'})

    def on_presence(self, presence):
        kind = presence.xml.get('type', 'available')
        lines.emit(event='presence', **{'from': str(presence['from'])}, type=kind)

    async def ask(self, iq):
        try:
            return await iq
        except IqError as error:
            raise refused(error.iq) from error

    def form(self, kind, values):
        form = self['xep_0004'].make_form(ftype='submit')
        form.add_field(var='FORM_TYPE', ftype='hidden', value='http://jabber.org/protocol/pubsub#' + kind)
        for name, value in values.items():
            # A boolean that it does not know to be one it writes as nothing.
            form.add_field(var='pubsub#' + name, ftype='boolean' if isinstance(value, bool) else None, value=value)
        return form

    async def do_info(self, node=None):
        info = (await self.ask(self['xep_0030'].get_info(jid=self.service, node=node)))['disco_info']
        forms = [form['values'] for form in info.xml.iterfind('{jabber:x:data}x') for form in [stanza.Form(form)]]
        return {'identities': [list(one)[:2] for one in info['identities']], 'features': sorted(info['features']),
                'meta': plain(forms[0]) if forms else None}

    async def do_nodes(self, node=None):
        items = (await self.ask(self['xep_0030'].get_items(jid=self.service, node=node)))['disco_items']['items']
        return sorted([str(jid), node, name] for jid, node, name in items)

    async def do_create(self, node=None, config=None):
        form = config and self.form('node_config', config)
        answer = await self.ask(self.pubsub.create_node(self.service, node, config=form))
        return answer['pubsub']['create']['node'] or node

    async def do_defaults(self):
        answer = await self.ask(self.pubsub.get_node_config(self.service))
        return plain(answer['pubsub_owner']['default']['form'].get_values())

    async def do_config(self, node):
        answer = await self.ask(self.pubsub.get_node_config(self.service, node))
        return plain(answer['pubsub_owner']['configure']['form'].get_values())

    async def do_configure(self, node, config):
        await self.ask(self.pubsub.set_node_config(self.service, node, self.form('node_config', config)))

    async def do_delete(self, node, redirect=None):
        iq = self.Iq(stype='set', sto=self.service)
        iq['pubsub_owner']['delete']['node'] = node
        if redirect:
            iq['pubsub_owner']['delete']['redirect'].xml.set('uri', redirect)  # it has other names for that
        await self.ask(iq.send())

    async def do_purge(self, node):
        await self.ask(self.pubsub.purge(self.service, node))

    async def do_subscribe(self, node=None, options=None, jid=None):
        form = options and self.form('subscribe_options', options)
        answer = await self.ask(self.pubsub.subscribe(self.service, node, options=form, subscribee=jid))
        return subscription(answer['pubsub']['subscription'])

    async def do_unsubscribe(self, node=None, subid=None, jid=None):
        await self.ask(self.pubsub.unsubscribe(self.service, node, subid=subid, subscribee=jid))

    async def do_options(self, node):
        answer = await self.ask(self.pubsub.get_subscription_options(self.service, node, self.boundjid.bare))
        return plain(answer['pubsub']['options']['options'].get_values())

    async def do_choose(self, node, options):
        iq = self.Iq(stype='set', sto=self.service)  # its own function asks with a get
        iq['pubsub']['options']['node'] = node
        iq['pubsub']['options']['jid'] = self.boundjid.bare
        iq['pubsub']['options'].append(self.form('subscribe_options', options))
        await self.ask(iq.send())

    async def do_subscriptions(self, node=None):
        answer = await self.ask(self.pubsub.get_subscriptions(self.service, node))
        return [[one['node'], one['subscription']] for one in answer['pubsub']['subscriptions']]

    async def do_affiliations(self, node=None):
        answer = await self.ask(self.pubsub.get_affiliations(self.service, node))
        return [[one['node'], one['affiliation']] for one in answer['pubsub']['affiliations']]

    async def do_publish(self, node, id=None, text=None, options=None):
        form = options and self.form('publish-options', options)
        payload = None if text is None else entry_element(text)
        answer = await self.ask(self.pubsub.publish(self.service, node, id=id, payload=payload, options=form))
        return answer['pubsub']['publish']['item']['id']

    async def do_retract(self, node, id, notify=False):
        await self.ask(self.pubsub.retract(self.service, node, id, notify=notify))

    async def do_items(self, node, ids=None, max=None):
        answer = await self.ask(self.pubsub.get_items(self.service, node, item_ids=ids, max_items=max))
        return [entry(item) for item in answer['pubsub']['items']]

    async def do_pages(self, node, size):
        iq = self.Iq(stype='get', sto=self.service)
        iq['pubsub']['items']['node'] = node
        pages = []
        async for page in self['xep_0059'].iterate(iq, 'pubsub', amount=size):
            pages.append([entry(item) for item in page['pubsub']['items']])
        return pages

    async def do_affiliated(self, node):
        answer = await self.ask(self.pubsub.get_node_affiliations(self.service, node))
        return [[str(one['jid']), one['affiliation']] for one in answer['pubsub_owner']['affiliations']]

    async def do_affiliate(self, node, who):
        await self.ask(self.pubsub.modify_affiliations(self.service, node, affiliations=who))

    async def do_subscribed(self, node):
        answer = await self.ask(self.pubsub.get_node_subscriptions(self.service, node))
        return [[str(one['jid']), one['subscription']] for one in answer['pubsub_owner']['subscriptions']]

    async def do_enrol(self, node, who):
        await self.ask(self.pubsub.modify_subscriptions(self.service, node, subscriptions=who))

    async def do_pending(self, node):
        # The command of XEP-0050 in its two steps; the forms come as messages.
        first = await self.ask(self['xep_0050'].send_command(self.service, NS_PENDING))
        form = self['xep_0004'].make_form(ftype='submit')
        form.add_field(var='pubsub#node', value=node)
        session = first['command']['sessionid']
        nodes = [each['value'] for each in first['command']['form'].get_fields()['pubsub#node']['options']]
        await self.ask(self['xep_0050'].send_command(self.service, NS_PENDING, payload=[form], sessionid=session))
        return nodes

    async def do_decide(self, form, allow):
        message = self.Message(sto=self.service)
        message.append(self.form('subscribe_authorization', {**form, 'allow': allow}))
        message.send()

    async def do_presence(self, type=None, to=None):
        self.send_presence(pto=to, ptype=type)

    async def do_ping(self):
        await self.ask(self['xep_0199'].send_ping(self.service))


NS_PENDING = 'http://jabber.org/protocol/pubsub#get-pending'


def refused(iq):
    error = iq['error']
    special = [child.tag.replace(NS_ERRORS, '') for child in error.xml if child.tag.startswith(NS_ERRORS)]
    return lines.refused(error, error['condition'], ''.join(special), error['pubsub']['unsupported'])


def entry_element(text):
    element = ET.Element('{%s}entry' % lines.NS)
    element.text = text
    return element


def entry(item):
    payload = item['payload']
    return [item['id'], None if payload is None else payload.text or '']


def subscription(one):
    return {'node': one['node'], 'jid': str(one['jid']), 'subscription': one['subscription'], 'subid': one['subid']}


def headers(message):
    found = message.xml.iterfind('{http://jabber.org/protocol/shim}headers/{http://jabber.org/protocol/shim}header')
    return [[one.get('name'), one.text or ''] for one in found]


def plain(values):
    return {name.replace('pubsub#', ''): value for name, value in values.items() if name != 'FORM_TYPE'}


def main():
    host, port, jid, password, ca_file, service = sys.argv[1:]
    client = Client(jid, password, ca_file, service)
    client.connect((host, int(port)))
    client.default_domain = client.boundjid.host  # the name to verify, whatever HOST was

    async def talk():
        await lines.serve(client)
        client.disconnect()

    reader = client.loop.create_task(talk())
    client.loop.run_until_complete(client.over)
    reader.cancel()


main()
