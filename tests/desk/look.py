#!/usr/bin/python3
"""Looks into the windows of a program as a screen reader does (AT-SPI), in the session
whose environment it is started in.

    look.py PROGRAM tree            all that is shown: a JSON list, from the outside inwards
    look.py PROGRAM press NAME      does what a button (or the like) of that name does
    look.py PROGRAM set NAME TEXT   writes into the entry of that name (its label)

Says JSON; ends with 1 and a word if there is no such thing.
"""

import json
import sys

import gi
gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402


def shown(node, depth=0):
    """Node and depth of all that is on the screen."""
    states = node.get_state_set()
    if depth > 0 and not (states.contains(Atspi.StateType.SHOWING)
                          and states.contains(Atspi.StateType.VISIBLE)):
        return
    yield node, depth
    for i in range(node.get_child_count()):
        child = node.get_child_at_index(i)
        if child is not None:
            yield from shown(child, depth + 1)


def everything(program):
    desktop = Atspi.get_desktop(0)
    for i in range(desktop.get_child_count()):
        application = desktop.get_child_at_index(i)
        if application is not None and program in (application.get_name() or ""):
            yield from shown(application)


def label(node):
    """What stands beside it, where it has no name of its own."""
    for relation in node.get_relation_set():
        if relation.get_relation_type() == Atspi.RelationType.LABELLED_BY:
            return relation.get_target(0).get_name()
    return ""


def text(node):
    words = node.get_text_iface()
    return Atspi.Text.get_text(words, 0, -1) if words is not None else ""


def described(node, depth):
    states = node.get_state_set()
    box = node.get_extents(Atspi.CoordType.SCREEN) if node.get_component_iface() else None
    return {"depth": depth, "role": node.get_role_name(), "name": node.get_name() or "",
            "label": label(node), "text": text(node),
            "box": [box.x, box.y, box.width, box.height] if box else None,
            "enabled": states.contains(Atspi.StateType.SENSITIVE),
            "focus": states.contains(Atspi.StateType.FOCUSED)}


def tree(program, tries=20):
    """Again if a part went while it was looked at."""
    try:
        return [described(node, depth) for node, depth in everything(program)]
    except GLib.Error:
        if tries == 0:
            raise
        return tree(program, tries - 1)


def find(program, name, fits):
    for node, _ in everything(program):
        if name in (node.get_name(), label(node)) and fits(node):
            return node
    raise SystemExit(f"nothing is called {name!r}")


def find_tab(program, name):
    """The list of a page's tab, and its number there."""
    for node, _ in everything(program):
        if node.get_role() == Atspi.Role.PAGE_TAB and node.get_name() == name:
            return node.get_parent().get_selection_iface(), node.get_index_in_parent()
    return None


def main(program, what, *words):
    if what == "tree":
        return tree(program)
    if what == "press" and (tab := find_tab(program, words[0])) is not None:
        return Atspi.Selection.select_child(*tab)
    if what == "press":
        node = find(program, words[0], lambda node: node.get_action_iface() is not None
                    and node.get_n_actions() > 0)
        return Atspi.Action.do_action(node.get_action_iface(), 0)
    node = find(program, words[0], lambda node: node.get_editable_text_iface() is not None)
    return Atspi.EditableText.set_text_contents(node.get_editable_text_iface(), words[1])


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
