"""The room: who is in it, and what is said to all of them."""

from contextlib import suppress

from echosvc import channel, errors, process


async def main() -> None:
    inbox = process.inbox()
    events = process.events()
    members: dict[process.Pid, str] = {}

    while True:
        r = await channel.select(inbox, events)
        match r.value:
            case process.Message(topic="join", data=name) if name in members.values():
                r.value.reply(errors.AlreadyExists(f"{name} is here already"))
            case process.Message(topic="join", sender=member, data=name):
                process.monitor(member)
                r.value.reply(sorted(members.values()))
                members[member] = name
                tell(members, f"* {name} has come")
            case process.Message(topic="say", sender=member, data=text) if member in members:
                tell(members, f"{members[member]}: {text}")
            case process.Event(kind=process.event.EXIT, sender=member):
                tell(members, f"* {members.pop(member)} has gone")
            case process.Event(kind=process.event.CANCEL):
                return


def tell(members: dict[process.Pid, str], line: str) -> None:
    for member in members:
        with suppress(errors.ProcessNotFound):  # its EXIT is on the way
            try:
                process.send(member, "line", line)
            except errors.MailboxFull:
                process.terminate(member, "it reads too slowly")
