"""What can be imported from where, what imports what, and that no native method is wrapped."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

import zmq
from zmq import _core

PACKAGE = Path(zmq.__file__).parent

#: Modules in the order in which they build on each other: each imports only what stands before
#: it. What is not here may import all of these, and nobody imports the old paths.
LAYERS = (
    "_core",
    "_typing",
    "_on_demand",
    "constants",
    "error",
    "_options",
    "_frame",
    "_poll",
    "_version",
    "_paths",
    "_deprecated",
    "utils",
    "utils.interop",
    "utils.jsonapi",
    "_socket",
    "_context",
)

OLD_PATHS = ("sugar", "backend")

#: Imports inside a function that go against the order: a rare case that `import zmq` need not
#: load the rest of the package for.
LATE = {("_socket", "utils.monitor")}

#: Everything that waits or that a message passes: libzmq's own calls.
NATIVE_SOCKET_METHODS = (
    "close",
    "disconnect",
    "fileno",
    "get",
    "join",
    "leave",
    "monitor",
    "poll",
    "recv",
    "recv_into",
    "recv_multipart",
    "send",
    "send_multipart",
    "set",
    "subscribe",
    "unbind",
    "unsubscribe",
)

OLD_NAMES = {
    "zmq.sugar": {
        "Again": zmq.Again,
        "Context": zmq.Context,
        "ContextTerminated": zmq.ContextTerminated,
        "DraftFDWarning": zmq.DraftFDWarning,
        "Frame": zmq.Frame,
        "InterruptedSystemCall": zmq.InterruptedSystemCall,
        "Message": zmq.Message,
        "MessageTracker": zmq.MessageTracker,
        "NotDone": zmq.NotDone,
        "Poller": zmq.Poller,
        "Socket": zmq.Socket,
        "Stopwatch": zmq.Stopwatch,
        "SyncContext": zmq.SyncContext,
        "SyncSocket": zmq.SyncSocket,
        "ZMQBaseError": zmq.ZMQBaseError,
        "ZMQBindError": zmq.ZMQBindError,
        "ZMQError": zmq.ZMQError,
        "ZMQVersionError": zmq.ZMQVersionError,
        "__version__": zmq.__version__,
        "device": zmq.device,
        "proxy": zmq.proxy,
        "pyzmq_version": zmq.pyzmq_version,
        "pyzmq_version_info": zmq.pyzmq_version_info,
        "select": zmq.select,
        "zmq_version": zmq.zmq_version,
        "zmq_version_info": zmq.zmq_version_info,
    },
    "zmq.sugar.attrsettr": {},
    "zmq.sugar.context": {"Context": zmq.Context, "ContextBase": _core.Context},
    "zmq.sugar.frame": {"Frame": zmq.Frame, "Message": zmq.Frame},
    "zmq.sugar.poll": {"Poller": zmq.Poller, "select": zmq.select, "zmq_poll": zmq.zmq_poll},
    "zmq.sugar.socket": {
        "DEFAULT_PROTOCOL": 4,
        "Socket": zmq.Socket,
        "SocketBase": _core.Socket,
        "SyncSocket": zmq.SyncSocket,
    },
    "zmq.sugar.stopwatch": {"Stopwatch": zmq.Stopwatch},
    "zmq.sugar.tracker": {"MessageTracker": zmq.MessageTracker, "NotDone": zmq.NotDone},
    "zmq.sugar.version": {
        "VERSION_EXTRA": "",
        "VERSION_MAJOR": 27,
        "VERSION_MINOR": 3,
        "VERSION_PATCH": 0,
        "pyzmq_version": zmq.pyzmq_version,
        "zmq_version": zmq.zmq_version,
    },
    "zmq.backend": {
        "Context": _core.Context,
        "Frame": _core.Frame,
        "Message": _core.Frame,
        "Socket": _core.Socket,
        "PYZMQ_DRAFT_API": zmq.DRAFT_API,
        "curve_keypair": zmq.curve_keypair,
        "monitored_queue": _core.monitored_queue,
        "proxy": zmq.proxy,
        "zmq_poll": zmq.zmq_poll,
    },
    "zmq.backend.cython": {"Context": _core.Context, "Socket": _core.Socket},
    "zmq.backend.select": {},
}


def modules() -> Iterator[tuple[str, Path]]:
    """Give every module of the package: its name without `zmq.`, and its source."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


MODULES = dict(modules())


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imports(tree: ast.AST, late: bool = False) -> Iterator[tuple[str, bool]]:
    """Give what a module imports at run time of this package, and whether in a function."""
    for node in ast.iter_child_nodes(tree):
        if is_type_checking(node):
            # Only the other branch is run.
            for statement in node.orelse:  # type: ignore[attr-defined]
                yield from imports(ast.Module([statement], []), late)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "zmq":
                    yield alias.name.partition(".")[2], late
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written out"
            if node.module == "zmq":
                # A submodule, or a name of the package itself.
                for alias in node.names:
                    yield (alias.name if alias.name in (*MODULES, "_core") else ""), late
            elif node.module is not None and node.module.startswith("zmq."):
                inside = node.module.removeprefix("zmq.")
                names = [f"{inside}.{alias.name}" for alias in node.names]
                yield from ((name if name in MODULES else inside, late) for name in names)
        else:
            within = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports(node, late or within)


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "_core"])
def test_module_imports_only_what_it_builds_on(name: str) -> None:
    allowed = LAYERS[: LAYERS.index(name)]
    for imported, late in imports(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if late and (name, imported) in LATE:
            continue
        assert imported != "", f"zmq.{name} imports zmq itself: that is how cycles begin"
        assert imported in allowed, f"zmq.{name} imports zmq.{imported}, which builds on it"


def test_late_imports_are_all_in_use() -> None:
    used = {
        (name, imported)
        for name in LAYERS
        if name in MODULES
        for imported, late in imports(ast.parse(MODULES[name].read_text(encoding="utf-8")))
        if late
    }
    assert used >= LATE


def test_names_of_zmq_are_looked_up_fast() -> None:
    # With one, CPython looks up zmq.PUB and the like the slow way.
    assert "__getattr__" not in vars(zmq)


@pytest.mark.parametrize(
    "name", [name for name in MODULES if name and not name.startswith(OLD_PATHS)]
)
def test_nobody_but_zmq_itself_imports_the_old_paths(name: str) -> None:
    for imported, _ in imports(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        assert imported.split(".")[0] not in OLD_PATHS


def test_the_check_of_the_layers_sees_imports() -> None:
    source = """
import zmq
from zmq import Socket, _context
from zmq._socket import Socket
if TYPE_CHECKING:
    import zmq.asyncio
def late():
    from zmq.utils.monitor import parse_monitor_message
"""
    found = list(imports(ast.parse(source)))
    assert found == [
        ("", False),
        ("", False),
        ("_context", False),
        ("_socket", False),
        ("utils.monitor", True),
    ]


@pytest.mark.parametrize("name", NATIVE_SOCKET_METHODS)
def test_native_method_is_not_wrapped(name: str) -> None:
    own = vars(zmq.Socket).get(name)
    # Those on the hot path stand in the class itself, natively.
    assert own is None or type(own) is types.MethodDescriptorType
    assert type(getattr(zmq.Socket, name)) is type(getattr(_core.Socket, name))


@pytest.mark.parametrize(("alias", "name"), [("getsockopt", "get"), ("setsockopt", "set")])
def test_other_name_of_a_native_method_is_the_native_method(alias: str, name: str) -> None:
    assert getattr(zmq.Socket, alias) is getattr(zmq.Socket, name)


@pytest.mark.parametrize("name", ["Frame", "MessageTracker", "Poller", "proxy", "zmq_poll"])
def test_what_is_native_as_a_whole_is_not_wrapped(name: str) -> None:
    assert getattr(zmq, name) is getattr(_core, name)


@pytest.mark.parametrize("path", OLD_NAMES)
def test_old_path_gives_the_same_objects(path: str) -> None:
    module = importlib.import_module(path)
    assert module.__file__ is not None
    assert Path(module.__file__).is_file(), "tools that freeze programs read the disk"
    assert module.__doc__
    for name, value in OLD_NAMES[path].items():
        assert getattr(module, name) == value
    for name in getattr(module, "__all__", ()):
        assert hasattr(module, name)


def test_old_path_of_the_socket_options_works() -> None:
    from zmq.sugar.attrsettr import AttributeSetter

    class Options(AttributeSetter):
        declared: int
        assigned = 0

        def __init__(self) -> None:
            self.declared = 1
            self.assigned = 2
            vars(self)["values"] = {}

        def get(self, option: int) -> Any:
            return self.values[option]

        def set(self, option: int, value: Any) -> None:
            self.values[option] = value

    options = Options()
    options.linger = 5
    assert options.values == {zmq.LINGER: 5}
    assert options.LINGER == 5
    assert (options.declared, options.assigned) == (1, 2)
    with pytest.raises(AttributeError, match="NO_SUCH_OPTION"):
        options.no_such_option = 1
    with pytest.raises(AttributeError, match="NO_SUCH_OPTION"):
        _ = options.no_such_option


def test_backend_can_be_selected() -> None:
    from zmq.backend.select import public_api, select_backend

    backend = select_backend("zmq.backend.cython")
    assert set(public_api) <= set(backend)
    assert backend["Socket"] is _core.Socket
    with pytest.raises(ImportError):
        select_backend("zmq.backend.no_such_backend")


def test_backend_socket_says_where_it_is_from() -> None:
    import zmq.backend

    assert zmq.backend.Socket.__module__


def test_public_names_are_unique_and_exist() -> None:
    assert len(set(zmq.__all__)) == len(zmq.__all__)
    for name in zmq.__all__:
        assert hasattr(zmq, name)


def test_star_import_brings_all_public_names() -> None:
    namespace: dict[str, Any] = {}
    exec("from zmq import *", namespace)
    assert set(zmq.__all__) <= set(namespace)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = zmq.no_such_name


def test_version_names_the_level_of_the_interface() -> None:
    assert zmq.__version__ == zmq.pyzmq_version() == "27.3.0"
    assert zmq.pyzmq_version_info() == (27, 3, 0)
    assert [int(part) for part in zmq.__version__.split(".")] == [27, 3, 0]


def test_directories_to_build_against_exist() -> None:
    assert zmq.get_library_dirs()
    for path in (*zmq.get_includes(), *zmq.get_library_dirs()):
        assert Path(path).is_dir()
    # As build scripts for pyzmq take them apart.
    assert Path(zmq.get_includes()[-1]).name == "utils"


def test_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
    assert (PACKAGE / "_core.pyi").is_file()


def test_import_loads_nothing_that_is_not_needed() -> None:
    script = """
import sys
import types
before = set(sys.modules)
import zmq
loaded = sorted(set(sys.modules) - before)
import json
print(json.dumps(loaded))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = json.loads(ran.stdout)
    assert "zmq" in loaded
    heavy = {"asyncio", "json", "pickle", "random", "re", "tornado", "typing"}
    assert heavy.isdisjoint(loaded), f"import zmq loads {heavy & set(loaded)}"


@pytest.mark.parametrize(
    "expression",
    [
        "zmq.utils.jsonapi.dumps",
        "zmq.utils.interop.cast_int_addr",
        "zmq.sugar.context.Context._instance",
        "zmq.sugar.socket.Socket",
        "zmq.backend.Socket",
        "zmq.backend.cython.Socket",
        "zmq.error.ZMQError",
        "zmq.constants.SocketType",
        "zmq._typing",
    ],
)
def test_submodule_is_an_attribute_after_import_alone(expression: str) -> None:
    subprocess.run([sys.executable, "-c", f"import zmq; {expression}"], check=True)


def test_socket_and_context_can_be_subscripted() -> None:
    assert get_origin(zmq.Socket[bytes]) is zmq.Socket
    assert get_args(zmq.Socket[bytes]) == (bytes,)
    assert get_origin(zmq.Context[zmq.Socket]) is zmq.Context
    assert get_origin(zmq.SyncSocket) is zmq.Socket
    assert get_args(zmq.SyncContext) == (zmq.SyncSocket,)

    class Derived(zmq.Socket[bytes]):
        pass

    assert issubclass(Derived, zmq.Socket)


def test_alias_makes_a_socket(context: zmq.Context) -> None:
    with zmq.SyncSocket(context, zmq.PUSH) as socket:
        assert type(socket) is zmq.Socket
        assert socket.type is zmq.SocketType.PUSH
