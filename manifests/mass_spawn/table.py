"""A live table of what the swarm does."""

from rich.table import Table

from echosvc import io, process, time


async def main() -> None:
    ends = time.now() + float(io.args()[0] if io.args() else "inf")
    then = time.now()
    before: list[int] = []
    with io.live() as live:
        while time.now() < ends:
            await time.sleep("500ms")
            started, teams = await process.call("swarm", "counts")
            now = time.now()
            before += [0] * (len(teams) - len(before))
            rates = [
                (count - earlier) / (now - then)
                for count, earlier in zip(teams, before, strict=True)
            ]
            then, before = now, teams
            live.update(table_of(started, teams, rates))


def table_of(started: int, teams: list[int], rates: list[float]) -> Table:
    table = Table(show_footer=True)
    table.add_column("team", f"{started} tickers")
    table.add_column("ticks", str(sum(teams)), justify="right")
    table.add_column("a second", f"{sum(rates):.0f}", justify="right")
    for team, (count, rate) in enumerate(zip(teams, rates, strict=True), start=1):
        table.add_row(str(team), str(count), f"{rate:.0f}")
    return table
