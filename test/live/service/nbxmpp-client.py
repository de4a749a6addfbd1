#!/usr/bin/python3
"""A client of a PubSub service by Debian's python3-nbxmpp, Gajim's. Usage: HOST PORT JID PASSWORD CA_FILE SERVICE; see lines.py.

It lives in GLib's main loop, which has a thread of its own here. It cannot create nodes but by publishing, nor subscribe.
"""

import asyncio
import sys
import threading

import gi

gi.require_version('GLib', '2.0')
from gi.repository import GLib
from nbxmpp.client import Client as Connection
from nbxmpp.const import ConnectionProtocol, ConnectionType
from nbxmpp.errors import StanzaError
from nbxmpp.protocol import JID, Presence
from nbxmpp.simplexml import Node
from nbxmpp.structs import StanzaHandler

import lines


class Client:
    hears = ('items', 'purge', 'delete')

    def __init__(self, connection, service, loop):
        self.connection = connection
        self.service = JID.from_string(service)
        self.loop = loop
        # Behind the module that reads events.
        connection.register_handler(StanzaHandler(name='message', callback=self.on_message, priority=90))

    def on_message(self, _connection, _message, properties):
        event = properties.pubsub_event
        if event is None:
            return
        if event.deleted or event.purged:
            lines.emit(event='delete' if event.deleted else 'purge', node=event.node)
        elif event.retracted:
            lines.emit(event='items', node=event.node, items=[], retracted=[event.id])
        else:
            lines.emit(event='items', node=event.node, items=[entry(event.item)], retracted=[])

    async def ask(self, module, name, *args, **options):
        done = self.loop.create_future()

        def finished(task):
            try:
                settle, result = done.set_result, task.finish()
            except StanzaError as error:
                settle, result = done.set_exception, lines.refused(error, error.condition, error.app_condition)
            except Exception as error:
                settle, result = done.set_exception, error
            self.loop.call_soon_threadsafe(settle, result)

        # It keeps no more than a weak reference to it.
        self.finished = finished
        GLib.idle_add(lambda: getattr(self.connection.get_module(module), name)(*args, callback=finished, **options) and False)
        return await done

    def pubsub(self, name, *args, **options):
        return self.ask('PubSub', name, *args, jid=self.service, **options)

    async def do_info(self, node=None):
        info = await self.ask('Discovery', 'disco_info', self.service, node=node)
        return {'identities': [[one.category, one.type] for one in info.identities], 'features': sorted(info.features),
                'meta': plain(info.dataforms[0]) if info.dataforms else None}

    async def do_nodes(self, node=None):
        items = (await self.ask('Discovery', 'disco_items', self.service, node=node)).items
        return [[str(item.jid), item.node, item.name] for item in items]

    async def do_config(self, node):
        return plain((await self.pubsub('get_node_configuration', node)).form)

    async def do_configure(self, node, config):
        form = (await self.pubsub('get_node_configuration', node)).form
        for name, value in config.items():
            form['pubsub#' + name].value = value
        await self.pubsub('set_node_configuration', node, form)

    async def do_publish(self, node, id=None, text=None, options=None, force=False):
        item = Node('entry', attrs={'xmlns': lines.NS}, payload=[text])
        wish = options and {'pubsub#' + name: value for name, value in options.items()}
        return (await self.pubsub('publish', node, item, id_=id, options=wish, force_node_options=force)).id

    async def do_retract(self, node, id, notify=False):
        await self.pubsub('retract', node, id, notify=notify)

    async def do_purge(self, node):
        await self.pubsub('purge', node)

    async def do_delete(self, node):
        await self.pubsub('delete', node)

    async def do_items(self, node, ids=None, max=None):
        if ids is None:
            return [entry(item) for item in await self.pubsub('request_items', node, max_items=max)]
        return [entry(await self.pubsub('request_item', node, ids[0]))]


def entry(item):
    payload = item.getChildren()
    return [item.getAttr('id'), payload[0].getData() if payload else None]


def plain(form):
    fields = {field.var: field for field in form.iter_fields()}
    return {name.replace('pubsub#', ''): getattr(fields[name], 'value', None) for name in fields if name != 'FORM_TYPE'}


async def main():
    host, port, jid, password, _, service = sys.argv[1:]
    own = JID.from_string(jid)
    loop = asyncio.get_running_loop()
    connection = Connection(log_context='peer')
    connection.set_username(own.localpart)
    connection.set_domain(own.domain)
    connection.set_resource(own.resource)
    connection.set_password(password)
    connection.set_custom_host(f'{host}:{port}', ConnectionProtocol.TCP, ConnectionType.START_TLS)
    connection.set_ignore_tls_errors(True)
    online, offline = loop.create_future(), loop.create_future()
    operations = Client(connection, service, loop)

    def on_login(*_):
        connection.send_stanza(Presence())
        loop.call_soon_threadsafe(online.set_result, None)

    def on_end(*_):
        loop.call_soon_threadsafe(lambda: offline.done() or offline.set_result(None))

    signals = {'connected': on_login, 'disconnected': on_end, 'connection-failed': on_end}
    for name, handler in signals.items():
        connection.subscribe(name, handler)
    glib = GLib.MainLoop()
    threading.Thread(target=glib.run, daemon=True).start()
    GLib.idle_add(lambda: connection.connect() and False)
    await asyncio.wait([online, offline], return_when=asyncio.FIRST_COMPLETED)
    if not online.done():
        raise SystemExit(f'no login: {connection.get_error()}')
    lines.emit(event='online', jid=str(connection.get_bound_jid()), **lines.abilities(operations))
    await lines.serve(operations)
    GLib.idle_add(lambda: connection.disconnect() and False)
    await offline


asyncio.run(main())
