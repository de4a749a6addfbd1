"""What these clients have in common: a command a line on stdin, answers and events on stdout, all of it JSON.

  {"number": 1, "do": "create", "node": "news", "config": {"title": "News"}}    end of input is the end
  {"reply": 1, "value": "news"}
  {"reply": 1, "error": {"condition": "conflict", "special": "...", "feature": "..."}}
  {"event": "online", "jid": FULL_JID, "can": ["create", ...], "hears": ["items", ...]}    the first one
  {"event": "items", "from": JID, "node": "news", "items": [["id", "text"]], ...}

An item is its id and the text of its payload, <entry xmlns='urn:example:entry'/>. Fields of forms go without "pubsub#".
"""

import asyncio
import json
import sys
import traceback

NS = 'urn:example:entry'
LONGEST_LINE = 1 << 22


def emit(**fields):
    print(json.dumps(fields), flush=True)


def refused(error, condition, special=None, feature=None):
    """What was refused: to be raised from whatever the library raises."""
    error = Refused(str(error))
    error.fields = {'condition': condition, 'special': special or None, 'feature': feature or None}
    return error


class Refused(Exception):
    pass


async def answer(operations, line):
    """Does what a line says; `operations` have async methods of the commands' names."""
    command = json.loads(line)
    number, do = command.pop('number'), command.pop('do')
    try:
        emit(reply=number, value=await getattr(operations, 'do_' + do)(**command))
    except Refused as error:
        emit(reply=number, error=error.fields)
    except Exception as error:
        traceback.print_exc()
        emit(reply=number, error={'condition': 'bug', 'text': repr(error)})


def abilities(operations):
    return {'can': [name[3:] for name in dir(operations) if name.startswith('do_')], 'hears': operations.hears}


async def serve(operations):
    """Answers one command after the other, until there are no more."""
    lines = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for line in lines:
        await answer(operations, line)
