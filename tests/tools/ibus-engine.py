#!/usr/bin/python3
"""An input method for tests, on the real IBus: letters are shown as preedit
with a list of candidates, Space commits the first of them."""
import gi
gi.require_version("IBus", "1.0")
from gi.repository import GLib, GObject, IBus


class Engine(IBus.Engine):
    __gtype_name__ = "OrielTestEngine"

    def __init__(self, **words):
        super().__init__(**words)
        self.typed = ""

    def show(self):
        text = IBus.Text.new_from_string(self.typed)
        self.update_preedit_text(text, len(self.typed), bool(self.typed))
        table = IBus.LookupTable.new(5, 0, True, True)
        for candidate in ("你", "尼", "呢"):
            table.append_candidate(IBus.Text.new_from_string(candidate))
        self.update_lookup_table(table, bool(self.typed))

    def do_process_key_event(self, keyval, keycode, state):
        if state & (IBus.ModifierType.RELEASE_MASK | IBus.ModifierType.CONTROL_MASK):
            return False
        if ord("a") <= keyval <= ord("z"):
            self.typed += chr(keyval)
        elif keyval == IBus.KEY_space and self.typed:
            self.typed = ""
            self.commit_text(IBus.Text.new_from_string("你"))
        else:
            return False
        self.show()
        return True

    def do_focus_out(self):
        self.typed = ""


IBus.init()
bus = IBus.Bus()
factory = IBus.Factory.new(bus.get_connection())
factory.add_engine("oriel-test", GObject.type_from_name("OrielTestEngine"))
component = IBus.Component.new("org.oriel.Test", "a test's", "1", "GPL", "", "", "", "oriel")
component.add_engine(IBus.EngineDesc.new("oriel-test", "Test", "a test's", "zh", "GPL", "", "", "us"))
bus.register_component(component)
bus.set_global_engine_async("oriel-test", -1, None, None)
print("ready", flush=True)
GLib.MainLoop().run()
