"""A line with a delay between a client and the display's unix socket."""
import asyncio, os, threading


class FarLine:
    """Listens on `path` for who connects, and talks to `target` for them.
    rtt_ms may change at any time; bytes stay in order."""

    def __init__(self, path, target, rtt_ms=0):
        self.path, self.target, self.rtt_ms = path, target, rtt_ms
        self.loop = asyncio.new_event_loop()
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

    def close(self):
        async def end():
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)
            self.loop.stop()
        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join()
        os.unlink(self.path)
