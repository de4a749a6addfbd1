#!/usr/bin/python3
"""The other end of a live conversation: a client that shares no code with ours (Debian's python3-slixmpp).

Usage: slixmpp-peer.py HOST PORT JID PASSWORD CA_FILE [--direct]

STARTTLS is required, or TLS comes first with --direct, and the certificate is verified against CA_FILE and the JID's
domain. Subscriptions are approved and requested back as they come.

Commands, one JSON object a line on stdin; end of input is quit:
  {"do": "send", "to": JID, "body": TEXT, "type": "chat"}    type may be left out
  {"do": "presence", "show": "away", "status": TEXT, "priority": 5, "to": JID}    all may be left out;
                                                               "type": "unavailable" goes offline
  {"do": "subscribe", "to": JID}
  {"do": "approve", "to": JID}
  {"do": "quit"}

Events, one JSON object a line on stdout; missing texts are "":
  {"event": "online", "jid": FULL_JID, "tls": VERSION, "mechanism": SASL_MECHANISM}
  {"event": "message", "from": JID, "type": "chat", "body": TEXT, "id": ID}
  {"event": "presence", "from": JID, "type": "available", "show": "", "status": "", "priority": 0}
  {"event": "error", "reason": WORD, "text": TEXT}           a failed login, a stream error in it, or a bad command
  {"event": "offline"}                                       the last one; exit status 1 after a failed login
"""

import asyncio
import json
import sys

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

FAILURES = ('connection_failed', 'ssl_invalid_chain', 'failed_all_auth')
SHOW = '{jabber:client}show'
LONGEST_COMMAND = 1 << 22


class Peer(slixmpp.ClientXMPP):
    def __init__(self, jid, password, ca_file):
        super().__init__(jid, password)
        self.ca_certs = ca_file
        self.auto_authorize = True
        self.auto_subscribe = True
        self.failed = False
        self.refusal = ''
        self.online = False
        self.over = self.loop.create_future()
        self.add_event_handler('session_start', self.on_start)
        self.add_event_handler('message', self.on_message)
        self.add_event_handler('failed_auth', self.on_refusal)
        self.add_event_handler('stream_error', self.on_stream_error)
        self.add_event_handler('disconnected', lambda _: self.end())
        # Its presence events go by show as well as by type: take the stanza itself.
        self.register_handler(Callback('any presence', MatchXPath('{jabber:client}presence'), self.on_presence))
        for name in FAILURES:
            self.add_event_handler(name, lambda what, name=name: self.fail(name, what))

    async def on_start(self, _):
        await self.get_roster()
        self.send_presence()
        mechanism = self['feature_mechanisms'].mech
        tls = self.transport.get_extra_info('ssl_object')
        self.online = True
        emit('online', jid=str(self.boundjid), tls=tls.version() if tls else '', mechanism=mechanism.name)

    def on_message(self, message):
        emit('message', **{'from': str(message['from'])}, type=message['type'], body=message['body'], id=message['id'])

    def on_presence(self, presence):
        kind = presence.xml.get('type', 'available')  # slixmpp's own 'type' mixes in the show
        emit('presence', **{'from': str(presence['from'])}, type=kind, show=presence.xml.findtext(SHOW, ''),
             status=presence['status'], priority=presence['priority'])

    def on_refusal(self, failure):  # not the end: slixmpp goes on with the next mechanism
        self.refusal = failure['condition']

    def on_stream_error(self, error):
        if not self.online:
            self.fail('stream_error', error['condition'])

    def fail(self, reason, what):
        self.failed = True
        emit('error', reason=reason, text=self.refusal if reason == 'failed_all_auth' else str(what))
        self.abort()
        self.end()

    def end(self):
        if not self.over.done():
            self.over.set_result(None)

    def command(self, do, to=None, body='', type=None, show=None, status=None, priority=None):
        if do == 'send':
            self.send_message(mto=to, mbody=body, mtype=type or 'chat')
        elif do == 'presence':
            self.send_presence(pto=to, pshow=show, pstatus=status, ppriority=priority, ptype=type)
        elif do == 'subscribe':
            self.send_presence_subscription(pto=to)
        elif do == 'approve':
            self.send_presence(pto=to, ptype='subscribed')
        else:
            raise ValueError(f'unknown command {do}')


def emit(event, **fields):
    print(json.dumps({'event': event, **fields}), flush=True)


async def commands(peer):
    lines = asyncio.StreamReader(limit=LONGEST_COMMAND)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for line in lines:
        try:
            command = json.loads(line)
            if command['do'] == 'quit':
                break
            peer.command(**command)
        except Exception as error:
            emit('error', reason='bad-command', text=str(error))
    peer.disconnect()


def main():
    host, port, jid, password, ca_file, *options = sys.argv[1:]
    peer = Peer(jid, password, ca_file)
    peer.connect((host, int(port)), use_ssl=options == ['--direct'])
    peer.default_domain = peer.boundjid.host  # the name to verify, whatever HOST was
    reader = peer.loop.create_task(commands(peer))
    peer.loop.run_until_complete(peer.over)
    reader.cancel()
    emit('offline')
    sys.exit(1 if peer.failed else 0)


main()
