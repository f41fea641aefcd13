"""A line with a delay between a client and the display's unix socket, what
people and programs do to windows over it, and when both sides are equal."""
import asyncio, os, subprocess, threading

from chain import BIN


def operate(chain, chance, titles):
    """One operation, by the user or by the guest's side."""
    title = chance.choice(titles)
    side = chance.choice((chain.user, chain.user, chain.guest))
    window = side.windows().get(title)
    if not window:
        return
    name = str(window)
    chance.choice((
        lambda: side.ask("wmctrl", "-i", "-r", name, "-e", "0,%d,%d,%d,%d" % (
            chance.randrange(600), chance.randrange(400), chance.randrange(100, 600), chance.randrange(60, 350))),
        lambda: side.ask("wmctrl", "-i", "-r", name, "-b", "toggle,maximized_vert,maximized_horz"),
        lambda: side.ask("wmctrl", "-i", "-r", name, "-b", "toggle,fullscreen"),
        lambda: side.ask("wmctrl", "-i", "-r", name, "-b", "toggle,above"),
        lambda: chain.user.ask("wmctrl", "-i", "-a", str(chain.user.windows().get(title, 0))),
        lambda: chain.user.ask("xdotool", "windowminimize", str(chain.user.windows().get(title, 0))),
    ))()


def same_since(chain, count):
    """Since when (seconds of the monotonic clock) `count` windows have been
    the same on both sides; None and the difference where they never are."""
    out = subprocess.run([BIN + "/x-same", chain.guest.name, str(count)], env=chain.user.env, capture_output=True, text=True)
    return (int(out.stdout) / 1e6, "") if out.returncode == 0 else (None, out.stderr)


class FarLine:
    """Listens on `path` for who connects, and talks to `target` for them.
    rtt_ms may change at any time; bytes stay in order."""

    def __init__(self, path, target, rtt_ms=0):
        self.path, self.target, self.rtt_ms = path, target, rtt_ms
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda loop, context: None)  # a line that is cut
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.ready.wait()

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_unix_server(self.serve, self.path))
        self.ready.set()
        self.loop.run_forever()

    async def serve(self, reader, writer):
        there_reader, there_writer = await asyncio.open_unix_connection(self.target)
        self.writers = writer, there_writer
        await asyncio.gather(self.carry(reader, there_writer), self.carry(there_reader, writer))

    async def carry(self, reader, writer):
        queue = asyncio.Queue(256)

        async def arrive():
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(due - self.loop.time(), 0))
                if not data:
                    return writer.close()
                writer.write(data)
                await writer.drain()
        task = self.loop.create_task(arrive())
        try:
            while True:
                data = await reader.read(1 << 16)
                await queue.put((self.loop.time() + self.rtt_ms / 2000, data))
                if not data:
                    break
            await task
        except OSError:
            writer.close()
        finally:
            task.cancel()

    def cut(self):
        """What is on its way is lost; who connects again may."""
        def drop():
            for writer in self.writers:
                writer.transport.abort()
        self.loop.call_soon_threadsafe(drop)

    def close(self):
        async def end():
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.loop.stop()
        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join()
        os.unlink(self.path)
