"""nbclient executes a notebook: output, a plot, an exception, and work in the background."""

from __future__ import annotations

import base64

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

CELLS = (
    "print('hello')\nvalue = 6 * 7\nvalue",
    "import matplotlib.pyplot as plt\n"
    "%matplotlib inline\n"
    "plt.plot([1, 3, 2])\n"
    "plt.title('a plot')\n"
    "plt.show()",
    "1 / 0",
    "import asyncio\nawait asyncio.sleep(0.01)\nprint('value is', value)",
    # From threads, through the kernel's own inproc sockets.
    "import threading\n"
    "def shout(n):\n"
    "    print(f'thread {n}\\n', end='')\n"
    "threads = [threading.Thread(target=shout, args=(n,)) for n in range(4)]\n"
    "for thread in threads: thread.start()\n"
    "for thread in threads: thread.join()",
    # From a child, through a pipe of the kernel.
    "!echo from a child",
    "for n in range(2000): print(n)",
    # What the kernel itself runs over.
    "import zmq\nprint(zmq.__version__, zmq._core.__name__)",
)


def text_of(cell: nbformat.NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def main() -> None:
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True)
    client.execute()
    nbformat.validate(notebook)
    first, plot, failed, awaited, threads, child, many, versions = notebook.cells
    print("text", text_of(first).strip(), first.outputs[-1].data["text/plain"])
    (image,) = (output for output in plot.outputs if output.output_type == "display_data")
    print("plot", base64.b64decode(image.data["image/png"])[1:4].decode())
    (error,) = failed.outputs
    print("error", error.ename, error.evalue)
    print("awaited", text_of(awaited).strip())
    print("threads", sorted(text_of(threads).splitlines()))
    print("child", text_of(child).strip())
    print("many", text_of(many).split() == [str(n) for n in range(2000)])
    print("versions", text_of(versions).strip())


if __name__ == "__main__":
    main()
